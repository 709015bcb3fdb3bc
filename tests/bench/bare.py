"""The bare script: what one writes without this project. The same model, data, batches, epochs and judgements.

`python3 bare.py fit|loop EPOCHS DIRECTORY`, with Keras' own `fit`, or with a loop of one `tf.function` call an epoch.
It needs nothing but the packages in the training image, and says as its last line how long the training took.
"""

# pyright: basic
# A script as one writes it without a project: no types, and TensorFlow has none either.
import sys
import time

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

TRAIN, VALIDATION = 1279, 255  # as many examples as the project's parts have; the rest is the test part
BATCH, RATE = 64, 0.002
keras = tf.keras


def build():
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Rescaling(1 / 16),
            layers.Reshape((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(10),
        ]
    )


def fit(model, train, validation, epochs):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE), loss, metrics=["accuracy"])
    model.fit(train, epochs=epochs, validation_data=validation, verbose=2)


def loop(model, train, validation, epochs):
    optimizer = keras.optimizers.Adam(RATE)
    optimizer.build(model.trainable_variables)

    def judged(images, labels, training):
        logits = model(images, training=training)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return losses, tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == labels, tf.float32))

    @tf.function
    def epoch(batches):
        total, right = 0.0, 0.0
        for images, labels in batches:
            with tf.GradientTape() as tape:
                losses, hits = judged(images, labels, training=True)
                loss = tf.reduce_mean(losses)
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
            total, right = total + tf.reduce_sum(losses), right + hits
        return total, right

    @tf.function
    def judge(images, labels):
        losses, right = judged(images, labels, training=False)
        return tf.reduce_sum(losses), right

    for number in range(epochs):
        total, right = epoch(train)
        others = [judge(*batch) for batch in validation]
        print(
            number + 1,
            float(total) / TRAIN,
            float(right) / TRAIN,
            sum(float(one) for one, _ in others) / VALIDATION,
            sum(float(one) for _, one in others) / VALIDATION,
        )


def main(way, epochs, directory):
    keras.utils.set_random_seed(0)
    flat, labels = load_digits(return_X_y=True)
    images, labels = flat.reshape(-1, 8, 8).astype(np.float32), labels.astype(np.int64)
    whole = tf.data.Dataset.from_tensor_slices((images, labels))
    train = whole.take(TRAIN).cache().shuffle(TRAIN).batch(BATCH, drop_remainder=True).prefetch(2)
    validation = whole.skip(TRAIN).take(VALIDATION).batch(VALIDATION)
    model = build()
    begun = time.monotonic()
    {"fit": fit, "loop": loop}[way](model, train, validation, epochs)
    seconds = time.monotonic() - begun
    right = model(images[TRAIN + VALIDATION :]).numpy().argmax(axis=1) == labels[TRAIN + VALIDATION :]
    model.export(directory, verbose=False)
    print(f"trained in {seconds:.3f} s, test accuracy {right.mean():.3f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
