import numpy as np

from contravox.scoring.calibration_columns import quality_columns


def test_sides_may_change_places():
    first, second = np.array([1.0, 5.0, 3.0]), np.array([2.0, 4.0, 3.0])
    columns = quality_columns("log duration", first, second)
    assert {name: values.tolist() for name, values in columns.items()} == {
        "lower log duration": [1, 4, 3],
        "higher log duration": [2, 5, 3],
    }
    swapped = quality_columns("log duration", second, first)
    for name, values in columns.items():
        np.testing.assert_array_equal(values, swapped[name])
