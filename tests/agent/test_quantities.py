"""Show that quantities mean what they mean to Kubernetes."""

import pytest

from agent.quantities import quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("250m", "0.25"),
        ("1Gi", "1073741824"),
        ("1.5", "1.5"),
        ("1e3", "1000"),
        ("2E", "2000000000000000000"),
        (".5", "0.5"),
        ("1.", "1"),
        ("-2k", "-2000"),
        (3, "3"),
        (0.5, "0.5"),
    ],
)
def test_quantities_are_read_as_kubernetes_reads_them(text: object, number: str) -> None:
    read = quantity(text)
    assert read is not None and f"{read.normalize():f}" == number


@pytest.mark.parametrize("text", ["1GB", "1 Gi", "1gi", "", "m", "1e9999", "٣", "0x10", True, None, "9" * 5000])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    assert quantity(text) is None
