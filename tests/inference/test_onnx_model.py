import pytest
from onnx import TensorProto, helper

from contravox.errors import ModelError
from contravox.inference.onnx_model import open_session


@pytest.mark.parametrize("operator", [b"Nope!", b"Nope\x80"])
def test_an_operator_that_nobody_has_is_one_line_whatever_its_name(operator, capfd):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph(
        [helper.make_node("Nope!", ["x"], ["y"])], "g", *([v] for v in values)
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data = model.SerializeToString().replace(b"Nope!", operator)
    with pytest.raises(ModelError, match=r"^m\.onnx: ONNX Runtime .* cannot run it .*: copy or"):
        open_session(data, "m.onnx")
    # A line on the output would be in the way of JSON.
    assert capfd.readouterr() == ("", "")
