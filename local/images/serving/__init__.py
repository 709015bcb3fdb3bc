"""A small server with TensorFlow Serving's REST interface, for machines that can reach no image registry.

Behaviour, texts and formats follow tensorflow/serving 2.20 (model_servers/, util/json_tensor.cc). It runs inside the
image `tfk8s/serving`, with nothing but the locked packages of the TensorFlow image, so its modules import only each
other, numpy, protobuf and tensorflow.
"""
