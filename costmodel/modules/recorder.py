"""Watches one call of a module: every operator that PyTorch runs is seen before it is taken apart, on tensors without
numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from costmodel.modules.calls import called
from costmodel.modules.kernels import lying
from costmodel.modules.lines import where
from costmodel.modules.packed import is_packed, packed
from costmodel.modules.reader import Reader
from costmodel.modules.shadows import DRAWN, FEW, UNSURE, Shadows
from costmodel.modules.tensors import META, bare, key, mapped, tensors_in, within
from costmodel.modules.twins import Twins
from costmodel.numbers.arithmetic import show_shape

QUESTIONS = {"aten::_local_scalar_dense", "aten::item", "aten::is_nonzero", "aten::equal", "aten::allclose"}
"""What asks for a number, and not for a tensor."""


SAME = {f"aten::{name}" for name in ("lift_fresh", "detach", "detach_", "alias", "resolve_conj", "resolve_neg")}
"""What gives a tensor on the processor as it is, in its own storage."""
PLACES = ("aten::where", "aten::argwhere", "aten::nonzero_numpy")
"""What gives the places of what is true, where it is given nothing else."""
MOST_ANSWERS = 1_000
"""How often one line may ask for numbers that are not known."""
WHOLE = ("Long", "integral", "integer", "used as indices", "expected indices to be long", "torch.int64", "dtype int64")
"""Words of PyTorch's where it is given real numbers and wants whole ones."""


class DependsOnNumbersError(Exception):
    """The module asks what is known only when it runs."""


class Recorder(TorchDispatchMode):  # type: ignore[misc]  # Any where PyTorch is not there
    """Hands every call to a reader. `notes` are what was assumed."""

    def __init__(self, reader: Reader, twins: Twins, shadows: Shadows) -> None:
        super().__init__()
        self.reader, self.twins, self.shadows = reader, twins, shadows
        self.notes: dict[str, None] = {}
        self._asked: Counter[str] = Counter()
        self.failed = self.failed_on = ""
        """The submodule in which an operator raised something, and what it was given."""
        self._kept: list[Any] = []
        self._lifted: dict[int, torch.Tensor] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.namespace == "prim":
            return func(*args, **kwargs)
        try:
            return self._run(func, args, kwargs)
        except Exception as error:
            if not self.failed_on:
                self.failed, self.failed_on = self.reader.places.now.path, _said(func, tensors_in((args, kwargs)))
            if any(word in str(error) for word in WHOLE):
                self.reader.hold_indices(tensors_in((args, kwargs)))
            raise

    def _run(self, func: Any, args: Any, kwargs: Any) -> Any:
        given = tensors_in((args, kwargs))
        if self._real(func, given, args, kwargs):
            return self._just_run(func, given, args, kwargs)
        if given and func._schema.name in SAME and given[0].device.type == "cpu":
            return func(*args, **kwargs)
        written = {id(t) for t in _written(func, args, kwargs)}
        args, kwargs = mapped(lambda t: self._twin(t, id(t) in written), (args, kwargs))
        if ("device" in kwargs and kwargs["device"] is not None) or (
            not tensors_in((args, kwargs)) and any(one.name == "device" for one in func._schema.arguments)
        ):
            kwargs = {**kwargs, "device": META}
        if func._schema.name == "aten::_nested_tensor_from_mask_left_aligned":
            return False  # so that a padding mask stays a mask, and its tokens are computed
        if func._schema.name in QUESTIONS:
            return self._answer(func, args, kwargs)
        if func._schema.name == "aten::to" or "to_copy" in func._schema.name:
            args = tuple(META if isinstance(one, torch.device) else one for one in args)
        if is_packed(func):
            return self._packed(func, args)
        if _depends(func, args):
            return self._from_numbers(func, args, kwargs)
        result = lying(func, args, kwargs, func(*args, **kwargs))
        self._note(func, args, kwargs, result)
        return result

    def _just_run(self, func: Any, given: list[torch.Tensor], args: Any, kwargs: Any) -> Any:
        """Run a call of few numbers; where it answers a question, say what the answer hangs on."""
        if func._schema.name in QUESTIONS:
            self._say_doubt(given)
        with torch.inference_mode(False), torch.no_grad():  # what code keeps for later may be trained with
            result = func(*args, **kwargs)
        drawn = UNSURE in func.tags
        self.shadows.doubt(tensors_in(result), DRAWN if drawn else self.shadows.doubtful(given))
        return result

    def _say_doubt(self, given: list[torch.Tensor]) -> None:
        """Note what numbers hang on by which the module decides."""
        why = self.shadows.doubtful(given)
        if why:
            self.notes[f"{where()} asks for {why}" if not why.startswith("whether") else f"{where()} asks {why}"] = None

    def _note(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        results = tensors_in(result)
        self._kept += [tensor.detach() for tensor in results]  # its storage stays, and it goes when nobody has it
        self.reader.rooms.watch(results)
        self.shadows.follow(func, args, kwargs, results)
        if results:
            self.reader.read(called(func, tuple(args), kwargs, result), self.reader.rooms.within(func, args, kwargs))

    def _real(self, func: Any, given: list[torch.Tensor], args: Any, kwargs: Any) -> bool:
        """Say whether a call is of few numbers on the processor that no weight or input is among: it is just run."""
        if func._schema.name in ("aten::to", "aten::_to_copy") and any(
            isinstance(one, torch.device) and one.type != "cpu" for one in (*args, *kwargs.values())
        ):
            return False
        if given:
            return all(
                tensor.device.type == "cpu"
                and tensor.untyped_storage().nbytes() <= FEW * 8
                and not self.twins.holds(tensor)
                and key(tensor) not in self._lifted
                for tensor in given
            ) and self._small(func, mapped(lambda t: torch.empty_like(t, device=META), args), kwargs)
        device = kwargs.get("device")
        made = any(one.name == "device" for one in func._schema.arguments)
        on_cpu = device is None or torch.device(device).type == "cpu"
        return not made or (on_cpu and self._small(func, args, {**kwargs, "device": META}))

    def _small(self, func: Any, args: Any, kwargs: Any) -> bool:
        """Say whether a call makes few numbers."""
        try:
            return all(tensor.numel() <= FEW for tensor in tensors_in(func(*args, **kwargs)))
        except (RuntimeError, NotImplementedError, TypeError):
            return True

    def _twin(self, tensor: torch.Tensor, written: bool) -> torch.Tensor:
        """Return what stands for a tensor: one of the module, or a constant on the processor."""
        if self.twins.holds(tensor):
            twin = self.twins.of(tensor)
            self.reader.rooms.belongs(twin, "")
            return twin
        own = key(tensor)
        if own in self._lifted:
            return within(self._lifted[own], tensor)
        if tensor.device.type == "meta":
            return tensor
        whole = bare(tensor)
        self._kept += [tensor, whole]
        if tensor.device.type == "cpu" and whole.numel() <= FEW:
            with torch.inference_mode(False), torch.no_grad():
                self.shadows.keep(whole, tensor.detach().as_strided((whole.numel(),), (1,), 0))
        if written:
            self._lifted[own] = whole
        return within(whole, tensor)

    def _answer(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Answer a question about numbers: as they are known, else true."""
        try:
            with torch.inference_mode(False):
                known = self.shadows.run(func, args, kwargs)
            self._say_doubt(tensors_in(args))
            return known
        except KeyError:
            pass
        (tensor, *_) = tensors_in(args)
        yes_or_no = func._schema.name not in ("aten::_local_scalar_dense", "aten::item")
        place = where()
        self._asked[place] += 1
        if self._asked[place] > MOST_ANSWERS:
            raise DependsOnNumbersError(
                f"{place} asks of what is computed more than {MOST_ANSWERS:,} times, as a loop does that numbers end"
            )
        if yes_or_no or tensor.dtype is torch.bool:
            self.notes[f"{place} asks whether something computed is so; that it is was assumed"] = None
            return True
        if tensor.dtype.is_floating_point:
            self.notes[f"{place} asks for a number that is computed; 1.0 was assumed"] = None
            return 1.0
        raise DependsOnNumbersError(
            f"{place} asks for a whole number that depends on the numbers of the input (.item() or int()), "
            "so what runs cannot be told from shapes alone"
        )

    def _from_numbers(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run what gives a shape that depends on numbers, where those are known.

        Raises:
            DependsOnNumbersError: if they are not.
        """
        try:
            with torch.inference_mode(False):
                found = self.shadows.run(func, args, kwargs)
            self._say_doubt(tensors_in((args, kwargs)))
        except KeyError:
            found = self._with_known_mask(func, args, kwargs)
            if found is None:
                name = func._schema.name.removeprefix("aten::")
                what = "a mask of true and false" if name.startswith("index") else name
                raise DependsOnNumbersError(
                    f"{where()} picks elements by {what}: how many there are depends on the numbers of the input, "
                    "so what runs after it cannot be told from shapes alone"
                ) from None
            return found

        def lifted(numbers: torch.Tensor) -> torch.Tensor:
            with torch.inference_mode(False), torch.no_grad():
                made = torch.empty_strided(numbers.shape, numbers.stride(), dtype=numbers.dtype, device=META)
            self._kept.append(made.detach())
            self.reader.rooms.watch([made])
            self.shadows.keep(made, numbers)
            return made

        result = mapped(lifted, found)
        self.reader.read(called(func, tuple(args), kwargs, result))
        return result

    def _packed(self, func: Any, args: Any) -> tuple[torch.Tensor, ...]:
        """Run a call about packed sequences, where their lengths are known.

        Raises:
            DependsOnNumbersError: if they are not.
        """
        lengths = [args[1]]
        try:
            results = packed(func, args, self.shadows.of)
        except LookupError:
            raise DependsOnNumbersError(
                f"{where()} packs sequences of several lengths, and how long they are is not known; give an example of "
                "the lengths: a tensor of whole numbers on the processor"
            ) from None
        self._say_doubt(lengths)
        self.shadows.doubt([one for one in results if one.device.type == "cpu"], self.shadows.doubtful(lengths))
        self._kept += [tensor.detach() for tensor in results]
        self.reader.rooms.watch(results)
        self.reader.read(called(func, tuple(args), {}, results))
        return tuple(results)

    def _with_known_mask(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Return a tensor indexed by masks that are known, None where they are not."""
        if func._schema.name != "aten::index":
            return None
        tensor, indices = args
        places: list[torch.Tensor | None] = []
        for one in indices:
            if one is None or one.dtype not in (torch.bool, torch.uint8):
                places.append(one)
                continue
            mask = self.shadows.of(one)
            if mask is None:
                return None
            with torch.inference_mode(False):
                places += [self._twin(found, False) for found in mask.nonzero(as_tuple=True)]
        result = func(tensor, places)
        self._note(func, (tensor, places), kwargs, result)
        return result


def _said(func: Any, given: list[torch.Tensor]) -> str:
    """Return an operator and the shapes that it was given, as a complaint says them."""
    shapes = " and ".join(show_shape(tuple(tensor.shape)) for tensor in given[:3])
    return f"{func._schema.name.partition('::')[2]} of {shapes}" if given else func._schema.name.partition("::")[2]


def _depends(func: Any, args: Any) -> bool:
    """Say whether the shape of what is given depends on numbers."""
    if func._schema.name in ("aten::index", "aten::index_put", "aten::index_put_"):
        masks = any(one is not None and one.dtype in (torch.bool, torch.uint8) for one in args[1])
        return masks and func._schema.name == "aten::index"
    if func._schema.name in PLACES:
        return func._schema.name != "aten::where" or len(args) == 1
    if func._schema.name == "aten::one_hot" and len(args) > 1 and args[1] > 0:
        return False
    return torch.Tag.dynamic_output_shape in func.tags


def _written(func: Any, args: Any, kwargs: Any) -> Iterator[torch.Tensor]:
    for place, one in enumerate(func._schema.arguments):
        if one.alias_info is not None and one.alias_info.is_write:
            yield from tensors_in(args[place] if place < len(args) else kwargs.get(one.name))


@contextmanager
def autocast_without_numbers() -> Iterator[None]:
    """Let `torch.autocast` take the device of tensors without numbers, which it does not know, for the processor."""
    own = torch.autocast.__init__

    def init(self: Any, device_type: str, *args: Any, **kwargs: Any) -> None:
        own(self, "cpu" if device_type == "meta" else device_type, *args, **kwargs)

    torch.autocast.__init__ = init
    try:
        yield
    finally:
        torch.autocast.__init__ = own
