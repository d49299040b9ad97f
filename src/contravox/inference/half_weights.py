"""A model's weights in half of the bytes."""

from typing import TYPE_CHECKING

import numpy as np

from contravox.extras import optional_packages
from contravox.inference.onnx_file import OnnxFile
from contravox.inference.onnx_model import OnnxModel

if TYPE_CHECKING:
    from onnx import TensorProto

HALF = ".half"
"""After the name of a weight that a graph keeps in 16 bits."""
FRONT = "features."
"""What filters and waves of the front-end begin with: spectra need all of their digits."""
LARGEST = float(np.finfo(np.float16).max)


def halve_weights(exported: OnnxModel) -> OnnxModel:
    """The model with the weights of its products as float16, and otherwise as it is.

    They are read back as float32, in which everything is computed, when the file is opened: it
    takes half of the disk, and as long as before. Vectors stay, as variances may be smaller than
    float16 can tell from 0.

    exported: what ``export_model`` made. Raises MissingExtraError where `onnx` is not installed.
    """
    with optional_packages("a graph"):
        import onnx
        from onnx.numpy_helper import from_array, to_array
    model = onnx.load_model_from_string(exported.file.graph)
    graph = model.graph
    kept = []
    for each in graph.initializer:
        if not _of_a_product(each) or np.abs(to_array(each)).max() > LARGEST:
            kept.append(each)
            continue
        half = each.name + HALF
        kept.append(from_array(to_array(each).astype(np.float16), half))
        whole = onnx.helper.make_node("Cast", [half], [each.name], to=onnx.TensorProto.FLOAT)
        graph.node.insert(0, whole)
    del graph.initializer[:]
    graph.initializer.extend(kept)
    name = f"{exported.settings.source} in float16"
    file = OnnxFile.of(model.SerializeToString(deterministic=True), name)
    return OnnxModel(file, exported.settings.model_copy(update={"precision": "float16"}), name)


def _of_a_product(tensor: "TensorProto") -> bool:
    """Whether it is a matrix or a convolution of the encoder."""
    of_floats = tensor.data_type == tensor.FLOAT
    return of_floats and len(tensor.dims) > 1 and not tensor.name.startswith(FRONT)
