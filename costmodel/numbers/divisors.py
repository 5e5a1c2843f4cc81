"""The greatest common divisor of symbols, which stays as it is until numbers take their place."""

from __future__ import annotations

from typing import Any

import sympy


class Gcd(sympy.Function):  # type: ignore[misc]
    """gcd(a, b) of whole numbers; SymPy's own is of polynomials, where that of two symbols is 1."""

    @classmethod
    def eval(cls, a: Any, b: Any) -> Any:
        """Return the number where both are numbers."""
        if a.is_Integer and b.is_Integer:
            return sympy.Integer(sympy.igcd(a, b))
        return sympy.Integer(1) if 1 in (a, b) else None

    def _sympystr(self, printer: Any) -> str:
        return f"gcd({', '.join(map(printer._print, self.args))})"
