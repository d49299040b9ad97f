"""Files as ONNX's own package writes them, and files that no package would."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from contravox.errors import ModelError
from contravox.inference import onnx_file
from contravox.inference.onnx_file import OnnxFile
from hostile import mutations, value_or_line
from profiles import examples


def graph(nodes=None, tensors=()):
    """y = x + one, or nodes of one's own."""
    one = numpy_helper.from_array(np.ones(1, np.float32), "one")
    nodes = nodes or [helper.make_node("Add", ["x", "one"], ["y"])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    return helper.make_graph(nodes, "g", values[:1], values[1:], [one, *tensors])


def model(**changes):
    return helper.make_model(graph(**changes), opset_imports=[helper.make_opsetid("", 18)])


def elsewhere(name="far"):
    """A tensor whose numbers lie in a file of the system."""
    tensor = numpy_helper.from_array(np.ones(4, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def constant(tensor, name="c"):
    return helper.make_node("Constant", [], [name], value=tensor)


def written(tmp_path, made):
    path = tmp_path / "m.onnx"
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return path


def test_metadata_are_read_and_replaced_and_the_rest_stays(tmp_path):
    made = model()
    helper.set_model_props(made, {"contravox": "old", "author": "Ann é"})
    file = OnnxFile.read(written(tmp_path, made))
    assert file.metadata == {"contravox": "old", "author": "Ann é"}
    long = "x" * 100_000
    again = onnx.load_from_string(file.with_metadata("contravox", long))
    assert {each.key: each.value for each in again.metadata_props} == {
        "contravox": long,
        "author": "Ann é",
    }
    del again.metadata_props[:], made.metadata_props[:]
    assert again == made == onnx.load_from_string(file.graph)


def test_a_digest_is_of_the_graph_alone(tmp_path):
    made = model()
    digest = OnnxFile.read(written(tmp_path, made)).digest
    helper.set_model_props(made, {"contravox": "noted"})
    assert OnnxFile.read(written(tmp_path, made)).digest == digest
    made.graph.initializer[0].raw_data = np.full(1, 2, np.float32).tobytes()
    assert OnnxFile.read(written(tmp_path, made)).digest != digest


def in_a_branch():
    branch = helper.make_graph([constant(elsewhere())], "b", [], [])
    return [helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)]


def in_a_sparse_tensor():
    made = model()
    made.graph.sparse_initializer.add().values.CopyFrom(elsewhere())
    return made


def in_a_function():
    made = model()
    made.functions.add(name="f", domain="").node.append(constant(elsewhere()))
    return made


def in_a_function_s_default():
    made = model()
    default = made.functions.add(name="f", domain="").attribute_proto.add(name="a")
    default.t.CopyFrom(elsewhere())
    return made


def in_a_list():
    made = model()
    made.graph.node[0].attribute.add(name="a").tensors.append(elsewhere())
    return made


def by_its_location_alone():
    made = model(tensors=[elsewhere()])
    del made.graph.initializer[1].external_data[:]
    return made


ELSEWHERE = {
    "an initializer": lambda: model(tensors=[elsewhere()]),
    "a constant": lambda: model(nodes=[constant(elsewhere(), "y")]),
    "a branch": lambda: model(nodes=in_a_branch()),
    "a sparse tensor": in_a_sparse_tensor,
    "a function": in_a_function,
    "a function's default": in_a_function_s_default,
    "a list of tensors": in_a_list,
    "its location alone": by_its_location_alone,
}


@pytest.mark.parametrize("made", ELSEWHERE.values(), ids=ELSEWHERE)
def test_numbers_kept_in_another_file_are_refused_wherever_they_hang(made, tmp_path):
    with pytest.raises(ModelError, match="keeps its weights in another file") as caught:
        OnnxFile.read(written(tmp_path, made()))
    assert "\n" not in str(caught.value)


def test_operators_of_others_are_refused(tmp_path):
    made = model()
    made.opset_import.append(helper.make_opsetid("my.company", 1))
    with pytest.raises(ModelError, match=r"needs operators of my\.company"):
        OnnxFile.read(written(tmp_path, made))


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "m.onnx"
    with open(path, "wb") as file:
        file.truncate(3 * 2**30)
    with pytest.raises(ModelError, match=r"3\.0 GiB large, models of up to 1 GiB"):
        OnnxFile.read(path)


def test_files_that_are_not_whole(tmp_path):
    whole = model().SerializeToString()
    path = tmp_path / "m.onnx"
    with pytest.raises(ModelError, match="no such model"):
        OnnxFile.read(path)
    for data in (whole[: len(whole) // 2], whole[:5], b"", b"text" * 100, b"\xff" * 50):
        with pytest.raises(ModelError, match="not a whole ONNX file"):
            OnnxFile.read(written(tmp_path, data))


def test_graphs_within_graphs_without_end(tmp_path):
    inner = constant(elsewhere())
    for _ in range(onnx_file.DEEPEST // 3 + 1):
        branch = helper.make_graph([inner], "b", [], [])
        inner = helper.make_node("If", ["x"], ["y"], then_branch=branch)
    with pytest.raises(ModelError, match="graphs within graphs"):
        OnnxFile.read(written(tmp_path, model(nodes=[inner])))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "m.onnx"


@given(data=st.one_of(st.binary(max_size=200), mutations(model().SerializeToString())))
@examples(300)
def test_any_bytes_are_a_file_or_one_line(data, place):
    file = value_or_line(OnnxFile.read, place, data)
    if file is not None:
        again = value_or_line(OnnxFile.read, place, file.with_metadata("key", "text"))
        assert again.graph == file.graph
        assert again.metadata == {**file.metadata, "key": "text"}
