"""TensorFlow and Keras, which ship no type information, as values of type Any: stated once instead of at every use.

Importing this module takes seconds and starts TensorFlow; whoever may end without needing it imports it late.
"""

import os
import warnings
from importlib import import_module
from typing import Any

# The end of the log is what the user of `pulumi up` reads. 2: errors only. oneDNN: its notice is not covered by that,
# and its other order of sums would make runs differ between processors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# Said by TensorFlow of its own code whenever a tf.function walks through a distributed data set.
warnings.filterwarnings("ignore", message="To make it possible to preserve tf.data options")

tf: Any = import_module("tensorflow")
keras: Any = import_module("keras")
