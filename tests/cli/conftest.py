import pytest


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    """Every test starts at 80 columns, with no wish about colour."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture
def tiny(tmp_path):
    """A spec of four layers, with the figures that it comes to."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


TINY = """\
name: tiny
title: Tiny
source: nobody
parameters: {resolution: 8, classes: 10, act: relu}
input: [3, resolution, resolution]
layers:
  conv: {op: conv, out_channels: 4, kernel_size: 3, padding: 1}
  act: {op: act}
  pool: {op: global_avg_pool}
  fc: {op: linear, out_features: classes}
expect: {params: 162, mult_adds: 6_952}
variants:
  tiny_two:
    parameters: {classes: 2}
    expect: {params: 122, mult_adds: 6_920}
"""
