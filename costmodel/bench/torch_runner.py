"""Runs networks in PyTorch as it comes, eager: a call a layer, nothing fused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from costmodel.errors import CostModelError
from costmodel.execute import random_images
from costmodel.graph import INPUT, LayerGraph
from costmodel.latency.lowering import Lowering
from costmodel.weights import RandomWeights

if TYPE_CHECKING:
    from costmodel.bench.measure import Job, Run


class TorchRunner:
    """Runs networks in eager PyTorch with random weights, float32, in inference mode.

    Args:
        threads: of PyTorch, for the whole process.
        device: ``cpu`` or ``cuda``; on a GPU a run ends when the GPU is done.

    Raises:
        CostModelError: if PyTorch is not installed, or has no such device.
    """

    lowering = Lowering(fuses=False)
    options = "inference mode; float32 without TF32"

    def __init__(self, threads: int, device: str = "cpu") -> None:
        try:
            import torch
        except ImportError:
            raise CostModelError("measuring in PyTorch needs it installed: pip install torch") from None
        if device == "cuda" and not torch.cuda.is_available():
            raise CostModelError("this PyTorch finds no GPU; --runtime torch measures the processor")
        torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = False  # float32 is float32
        self.device = device
        self.single_thread = threads == 1 and device == "cpu"

    @property
    def hardware(self) -> str | None:
        """The GPU's name; None on the processor."""
        import torch

        return str(torch.cuda.get_device_name()) if self.device == "cuda" else None

    def prepare(self, job: Job) -> Callable[[int], Run]:
        """Build the network; its tensors are freed with what is returned."""
        import torch

        graph = job.build()
        network = forward(graph, self.device)

        def make(batch: int) -> Run:
            images = torch.from_numpy(random_images(graph, batch)).to(self.device)

            def run() -> None:
                with torch.inference_mode():
                    network(images)
                if self.device == "cuda":
                    torch.cuda.synchronize()

            return run

        return make


def forward(graph: LayerGraph, device: str = "cpu", seed: int = 0) -> Callable[[Any], dict[str, Any]]:
    """Return the function that runs `graph` on a tensor of images, (batch, *input_shape), and returns its outputs by
    path. Weights are those of `RandomWeights(seed)`. A value is freed after the last layer that reads it.
    """
    import torch

    from costmodel.bench.torch_layers import step_of

    weights = RandomWeights(seed)
    last_reader = {name: layer.path for layer in graph.layers for name in layer.inputs}
    steps = []
    for layer in graph.layers:
        arrays = {name: torch.from_numpy(array).to(device) for name, array in weights.of(layer).items()}
        done = [name for name in dict.fromkeys(layer.inputs) if last_reader[name] == layer.path]
        freed = [name for name in done if name not in graph.outputs]
        steps.append((layer.path, layer.inputs, step_of(layer, arrays), freed))

    def run(images: Any) -> dict[str, Any]:
        alive = {INPUT: images}
        for path, inputs, step, freed in steps:
            alive[path] = step(*[alive[name] for name in inputs])
            for name in freed:
                del alive[name]
        return {path: alive[path] for path in graph.outputs}

    return run
