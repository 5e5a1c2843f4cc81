"""The tour: read, price, edit, compare."""

import costmodel as cm


def test_tour() -> None:
    spec = cm.read("mobilenet_v1")  # what a person wrote: parameters still have names
    assert spec.parameters["width"] == 1.0

    table = cm.price(cm.load(spec))  # every block expanded, every shape inferred, every layer priced
    assert table.totals.params == 4_231_976
    assert table.totals.mult_adds == 568_740_352

    by_kind = {row["group"]: row["mult_adds"] / table.totals.mult_adds for row in table.by("kind")}
    assert by_kind["conv 1x1"] > 0.94  # where it all goes
    busiest = max(table, key=lambda row: row["mult_adds"])
    assert busiest["path"] == "ds2.1.pointwise.conv"

    narrow = spec.set(width=0.5)  # an edit acts on the spec, never on the graph
    edited = cm.price(cm.load(narrow), batch=8, dtype="float16")
    assert spec.parameters["width"] == 1.0
    assert narrow.changed == {"width": 0.5}

    assert edited.totals.params < table.totals.params / 3  # compare: less than a third of the params ...
    assert edited.totals.mult_adds / 8 < table.totals.mult_adds / 3  # ... and of the work for an image ...
    assert edited.totals.peak_live_bytes == 2 * table.totals.peak_live_bytes  # ... and 8 x 1/2 width x 1/2 bytes held

    assert all(check.ok for check in cm.verify(cm.load(narrow, resolution=64)))  # and running it takes just that
