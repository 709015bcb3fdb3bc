"""A real SavedModel behind the REST API, made and served by processes of their own: the server imports no Keras."""

import json
import subprocess
import sys
from pathlib import Path

MAKE = """
import pathlib, sys
import numpy as np
import tensorflow as tf

class Model(tf.Module):
    def __init__(self):
        self.w = tf.Variable(np.random.default_rng(0).normal(size=(4, 3)).astype("f4"))
    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    def probabilities(self, x):
        return {"p": tf.nn.softmax(tf.matmul(x, self.w))}

base = pathlib.Path(sys.argv[1])
model = Model()
tf.saved_model.save(model, str(base / "1"), signatures={"serving_default": model.probabilities})
x = np.random.default_rng(1).normal(size=(50, 4)).astype("f4")
np.savez(base / "answers", x=x, direct=model.probabilities(x)["p"].numpy())

def field(number, content):
    return bytes([number << 3 | 2, len(content)]) + content

for name, values in {"short": [[1, 2]], "right": [[1, 2, 3, 4]]}.items():
    tensor = tf.make_tensor_proto(np.array(values, "f4")).SerializeToString()
    record = field(6, field(1, field(2, field(1, b"x") + field(2, tensor))))
    with tf.io.TFRecordWriter(str(base / name)) as writer:
        writer.write(record)
"""

SERVE = """
import json, pathlib, shutil, sys
from local.images.serving.savedmodel import SavedModel
from local.images.serving.flags import Flags
import numpy as np
from tests.unit.local.images.serving_fakes import api, served

base = pathlib.Path(sys.argv[1])
recorded = base / "1" / "assets.extra" / "tf_serving_warmup_requests"
recorded.parent.mkdir()
flags = Flags()
shutil.copy(base / "short", recorded)
failed = served(base, load=lambda path: SavedModel(str(path), flags)).states("digits", 1)[1]
shutil.copy(base / "right", recorded)
rest, _ = api(served(base, load=lambda path: SavedModel(str(path), flags)))
answers = np.load(base / "answers.npz")
x, direct = answers["x"], answers["direct"]

def post(body):
    answer = rest.answer("POST", "/v1/models/digits:predict", json.dumps(body).encode())
    return answer.status, json.loads(answer.body)

row = np.array(post({"instances": x.tolist()})[1]["predictions"], "f4")
column = np.array(post({"inputs": {"x": x.tolist()}})[1]["outputs"], "f4")
metadata = json.loads(rest.answer("GET", "/v1/models/digits/metadata", b"").body)
print(json.dumps({
    "row": bool((row == direct).all()), "column": bool((column == direct).all()),
    "wrong_shape": post({"instances": [[1, 2]]}), "failed": failed.message,
    "keras": "keras" in sys.modules and sys.modules["keras"] is not None,
    "dtype": metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]["x"]["dtype"],
}))
"""


def _output(script: str, directory: Path) -> str:
    done = subprocess.run([sys.executable, "-c", script, directory], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_answers_equal_the_model_called_in_process(tmp_path: Path) -> None:
    _output(MAKE, tmp_path)
    found = json.loads(_output(SERVE, tmp_path))
    reason = 'Input "x" of signature "serving_default" has shape [1,2], expected [-1,4]'
    assert found == {
        "row": True,
        "column": True,
        "wrong_shape": [400, {"error": reason}],
        "failed": reason,  # of a warm-up request
        "keras": False,
        "dtype": "DT_FLOAT",
    }
