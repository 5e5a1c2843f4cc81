"""One training step of eager PyTorch, walked forward and backward in order: what is held at each moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from costmodel.pricing.memory.plan import Phase
from costmodel.pricing.memory.step.ledger import Ledger
from costmodel.pricing.memory.step.work import Work

ACTIVATIONS, SAVED, GRADIENTS = "activations", "saved", "gradients"
BACKWARD, TEMPORARY = "gradients of activations", "temporaries"


class Walk:
    """A walk over the works of a step; `ledger` is its book, `outputs` are those that a loss is taken of, each with its
    bytes and as many numbers at float32.

    Activations are held until the last layer that reads them or keeps them for its backward pass has gone, what the
    network returns to the end of the step. Gradients of weights stay. A second gradient of a tensor is added to the
    first in a new tensor, as it is while PyTorch is watched; unwatched, it may add in place.
    """

    def __init__(
        self,
        ledger: Ledger,
        works: Sequence[Work],
        given: Sequence[str],
        returned: Sequence[str],
        outputs: Sequence[tuple[str, int, int]],
        segments: Sequence[tuple[int, int]],
        accumulates: bool,
    ) -> None:
        self.ledger, self.works, self.outputs = ledger, works, outputs
        self.recomputed: list[int] = []
        """The places of the layers that were computed again, in order."""
        self._given, self._returned, self._accumulates = set(given), returned, accumulates
        self._size = {work.node: work.size for work in works}
        self._size |= {name: size for work in works for name, size in zip(work.inputs, work.sizes, strict=True)}
        self._root = {work.node: work.root for work in works}
        self._segment = {n: s for s, (first, last) in enumerate(segments) for n in range(first, last + 1)}
        self._maker = {work.root: self._segment.get(work.number) for work in works if work.root == work.node}
        self._inside: dict[int, list[Work]] = {}
        for work in works:
            if work.number in self._segment:
                self._inside.setdefault(self._segment[work.number], []).append(work)
        self._from_outside = {segment: self._read_from_outside(segment) for segment in self._inside}
        outside = (work.keeps for work in works if work.number not in self._segment)
        self._kept = {root for roots in (*outside, *self._from_outside.values()) for root in roots}
        self._left = self._uses()
        self._users = Counter(name for work in works for name, _ in work.arrays)
        self._partial: set[str] = set()
        self._again_learned: list[tuple[str, str, int]] = []
        self._gradients: dict[str, Hashable] = {}
        self._parts: Counter[Hashable] = Counter()
        self._pieces: dict[int, list[Hashable]] = {}
        self._first_piece = {work.call: work.node for work in reversed(works) if work.call}
        self._sums: list[tuple[str, str, Hashable]] = []
        self._buffers = 0

    def run(self) -> None:
        """Walk the whole step, but for the optimizer."""
        for work in self.works:
            self._forward(work, None)
        self._loss()
        again: int | None = None
        for work in reversed(self.works):
            mine = self._segment.get(work.number)
            if again is not None and mine != again:
                self._leave(again)
                again = None
            if mine is not None and mine != again and any(inner.active for inner in self._inside[mine]):
                self._again(mine)
                again = mine
            self._backward(work, again)
        if again is not None:
            self._leave(again)

    def _uses(self) -> Counter[Hashable]:
        """Return how often each tensor is still needed, of the forward pass and of each segment computed again."""
        uses: Counter[Hashable] = Counter()
        for work in self.works:
            uses.update(work.roots)
            if work.number not in self._segment:
                uses.update(work.keeps)
        uses.update(self._root.get(node, node) for node in self._returned)
        for segment, inside in self._inside.items():
            uses.update(self._from_outside[segment])
            for work in inside:
                both = (*work.roots, *work.keeps)
                uses.update((segment, root) for root in both if self._maker.get(root) == segment)
        return uses

    def _read_from_outside(self, segment: int) -> list[str]:
        """Return what a segment reads that it does not make: it is kept until the segment has gone back."""
        inside = self._inside[segment]
        if not any(work.active for work in inside):
            return []
        roots = dict.fromkeys(root for work in inside for root in work.roots)
        return [root for root in roots if self._maker.get(root) != segment]

    def _key(self, root: str, again: int | None) -> Hashable:
        """Return the key of a tensor: of the one that was computed again, where it was."""
        return (again, root) if again is not None and self._maker.get(root) == again else root

    def _forward(self, work: Work, again: int | None) -> None:
        phase: Phase = "forward" if again is None else "backward"
        self.ledger.begin(work.path, phase)
        keeps = again is not None or work.number not in self._segment
        if work.root == work.node and work.size:
            key = self._key(work.root, again)
            kept = again is not None or work.root in self._kept
            self.ledger.hold(key, work.path, work.size, SAVED if kept else ACTIVATIONS)
        self.ledger.spend(work.path, work.drops, TEMPORARY)
        if keeps and work.own:
            self.ledger.hold(("own", work.node), work.path, work.own, SAVED)
        if work.copies:
            if keeps and work.active:
                self.ledger.hold(("copies", work.node), work.path, work.copies, TEMPORARY)
            else:
                self.ledger.spend(work.path, work.copies, TEMPORARY)
        if work.root == work.node:
            self._drop_unused(self._key(work.root, again))
        for root in work.roots:
            self._use(root, again)
        for node in work.frees:
            if self.ledger.holds(("own", node)):
                self.ledger.free(("own", node))

    def _drop_unused(self, key: Hashable) -> None:
        """Free what nobody is going to read."""
        if not self._left[key] and self.ledger.holds(key):
            self.ledger.free(key)

    def _use(self, root: str, again: int | None) -> None:
        """Note that a layer used a tensor. What a segment that is computed again reads of others stays until it has
        gone back.
        """
        if again is None or self._maker.get(root) == again:
            self._release(self._key(root, again))

    def _release(self, key: Hashable) -> None:
        """Note that a tensor was used once more; free it with the last use."""
        if key in self._given:
            return
        self._left[key] -= 1
        self._drop_unused(key)

    def _again(self, segment: int) -> None:
        """Compute a segment again, up to the last layer that keeps something."""
        inside = self._inside[segment]
        last = max((n for n, work in enumerate(inside) if work.keeps or work.own), default=-1)
        for n, work in enumerate(inside):
            if n <= last:
                self._forward(work, segment)
                if work.node == work.path:  # not a copy for it
                    self.recomputed.append(work.number)
            else:
                for root in work.roots:
                    self._use(root, segment)

    def _leave(self, segment: int) -> None:
        for root in self._from_outside[segment]:
            self._release(root)

    def _loss(self) -> None:
        """Go forward and back through a loss, which keeps the log-probabilities of each output and makes its gradient
        of theirs.
        """
        for node, size, wide in self.outputs:
            self.ledger.begin("", "forward")
            self.ledger.hold(("loss", node), node, wide, SAVED)
            if wide != size:
                self.ledger.spend(node, wide, TEMPORARY)
        for node, size, wide in reversed(self.outputs):
            self.ledger.begin("", "backward")
            self.ledger.spend(node, wide if wide == size else 2 * wide, TEMPORARY)
            if wide == size:
                self._give("", node)
                self.ledger.free(("loss", node))
            else:
                self.ledger.free(("loss", node))
                self.ledger.begin("", "backward")
                self.ledger.spend(node, wide, TEMPORARY)
                self._give("", node)

    def _backward(self, work: Work, again: int | None) -> None:
        """Go back through a layer: at one moment the gradient of what it made, what it kept, and all new gradients."""
        gradient = self._gradients.pop(work.node, None)
        pieces = self._pieces_with(work, gradient)
        if work.call:
            gradient = pieces[0] if pieces else None
        active = gradient is not None and work.active
        if active and not work.inputs and not self._accumulates:
            pieces = self._taken_over(pieces)
        if active:
            self.ledger.begin(work.path, "backward")
            self.ledger.spend(work.path, work.scratch, TEMPORARY)
            if work.copies and work.arrays:
                self.ledger.hold(("narrow", work.node), work.path, work.narrow, TEMPORARY)
            else:
                self._learn(work)
            if not work.late:
                self._hand_back(work, gradient)
        self._forget(work, again)
        for piece in pieces:
            self._drop_part(piece)
        if active and work.late:
            self.ledger.begin(work.path, "backward")
            self.ledger.spend(work.path, work.late, TEMPORARY)
            self._hand_back(work, gradient)
        if self.ledger.holds(("narrow", work.node)):
            self._widen(work)
        self._add_weights()
        self._add_up()

    def _taken_over(self, pieces: list[Hashable]) -> list[Hashable]:
        """Let go of the gradient of a source where nothing else lies in its memory: it is that of its weights."""
        alone = [piece for piece in pieces if self._parts[piece] == 1]
        for piece in alone:
            self._drop_part(piece)
        return [piece for piece in pieces if piece not in alone]

    def _pieces_with(self, work: Work, gradient: Hashable | None) -> list[Hashable]:
        """Return the gradients that go back through a layer: its own, or where one call took several pieces those of
        all, at the first of them, which is the last to be reached.
        """
        if not work.call:
            return [] if gradient is None else [gradient]
        if gradient is not None:
            self._pieces.setdefault(work.call, []).append(gradient)
        return self._pieces.pop(work.call, []) if self._first_piece[work.call] == work.node else []

    def _hand_back(self, work: Work, gradient: Hashable) -> None:
        """Give what a layer reads its gradients, those that are its output's without any new memory."""
        for place in work.wanted:
            name = work.inputs[place]
            if place in work.hands:
                self._pass_on(work.path, name, gradient)
            else:
                self._give(work.path, name)

    def _forget(self, work: Work, again: int | None) -> None:
        """Free what a layer kept."""
        if work.number in self._segment and again is None:
            return
        for root in work.keeps:
            self._use(root, again)
        for what in ("own", "copies"):
            if self.ledger.holds((what, work.node)):
                self.ledger.free((what, work.node))

    def _learn(self, work: Work) -> None:
        """Make the gradients of a layer's weights, which stay. Those of weights that several layers use are added up
        first; where earlier batches left gradients, they are added to those.
        """
        for name, size in work.arrays:
            self._users[name] -= 1
            if name in self._partial:
                self.ledger.hold(("more", name), work.path, size, TEMPORARY)
                self._again_learned.append((work.path, name, size))
            elif self._users[name]:
                self._partial.add(name)
                self.ledger.hold(("gradient", name, "partial"), work.path, size, GRADIENTS)
            elif self._accumulates:
                self.ledger.spend(work.path, size, TEMPORARY)
            else:
                self.ledger.hold(("gradient", name), work.path, size, GRADIENTS)

    def _add_weights(self) -> None:
        """Add gradients of weights that several layers use, a sum at a moment."""
        for path, name, size in self._again_learned:
            self.ledger.begin(path, "backward")
            self.ledger.free(("more", name))
            self.ledger.free(("gradient", name, "partial"))
            if self._users[name] or not self._accumulates:
                self.ledger.hold(("gradient", name, "partial"), path, size, GRADIENTS)
            else:
                self.ledger.spend(path, size, TEMPORARY)
        self._again_learned.clear()

    def _widen(self, work: Work) -> None:
        """Turn gradients at bfloat16, of weights that were copied so, into those of the weights."""
        self.ledger.begin(work.path, "backward")
        self._learn(work)
        self.ledger.free(("narrow", work.node))

    def _give(self, path: str, node: str) -> None:
        """Give a node a gradient in new memory."""
        self._pass_on(path, node, self._new(path, node))

    def _new(self, path: str, node: str) -> Hashable:
        """Return new memory for a node's gradient."""
        self._buffers += 1
        key = ("gradient of a tensor", self._buffers)
        self.ledger.hold(key, path, self._size[node], BACKWARD)
        return key

    def _pass_on(self, path: str, node: str, key: Hashable) -> None:
        """Give a node a gradient that lies in memory that is there."""
        self._parts[key] += 1
        if node in self._gradients:
            self._sums.append((path, node, key))
        else:
            self._gradients[node] = key

    def _add_up(self) -> None:
        """Add gradients of one tensor, a sum at a moment."""
        for path, node, second in self._sums:
            self.ledger.begin(path, "backward")
            first, both = self._gradients[node], self._new(path, node)
            self._parts[both] += 1
            self._gradients[node] = both
            self._drop_part(first)
            self._drop_part(second)
        self._sums.clear()

    def _drop_part(self, key: Hashable) -> None:
        self._parts[key] -= 1
        if not self._parts[key]:
            self.ledger.free(key)
