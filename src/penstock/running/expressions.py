"""The expressions of a compiled pipeline: conditions of tasks and selectors of loop items.

KFP evaluates them as CEL. This is the part of CEL that a compiled pipeline can hold: literals, the inputs, indexing,
comparison, `&&`, `||`, `!`, `in`, and conversions. Whatever else is in one is refused by name before anything runs;
nothing is ever given to Python to evaluate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from penstock.running.values import to_text

_Eval = Callable[[Mapping[str, Any]], Any]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+(?:[eE][+-]?\d+)?)
    | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<name>[A-Za-z_]\w*)
    | (?P<sign>==|!=|<=|>=|&&|\|\||[<>!()\[\].,-])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|.)", re.DOTALL)
_SIMPLE = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "`": "`", "?": "?",
}  # fmt: skip
_MAX_LENGTH, _MAX_DEPTH = 20_000, 60


class ExpressionError(ValueError):
    """An expression cannot be read, or has no value for these inputs; the message says why."""


class Expression:
    """A parsed expression.

    Args:
        text: The expression in CEL.

    Raises:
        ExpressionError: It is not in the part of CEL that is understood (author of the pipeline).

    Source:
        Common Expression Language, language definition (github.com/google/cel-spec, doc/langdef.md).

    Example:
        >>> Expression("int(inputs.parameter_values['n']) > 2 && !(inputs.parameter_values['s'] == 'a')").test(
        ...     {"n": 3.0, "s": "b"}
        ... )
        True
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._evaluate = _Parser(text).parse()

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def test(self, parameters: Mapping[str, Any]) -> bool:
        """Whether it holds for these input parameters, as `inputs.parameter_values`.

        Raises:
            ExpressionError: An input is missing, types do not fit, or the result is neither true nor false.
        """
        result = self._evaluate({"inputs": {"parameter_values": parameters}})
        if not isinstance(result, bool):
            raise ExpressionError(f"`{self.text}` gives {result!r}, not true or false")
        return result

    def select(self, value: Any) -> Any:
        """Its value where `string_value` is the JSON text of `value`, such as one field of a loop's item.

        Raises:
            ExpressionError: The value has no such part.
        """
        return self._evaluate({"string_value": to_text(value)})


class _Parser:
    """Recursive descent over the tokens; every rule gives a function from the variables to the value."""

    def __init__(self, text: str) -> None:
        if len(text) > _MAX_LENGTH:
            raise ExpressionError(f"an expression of {len(text)} characters is too long")
        self.text = text
        self.tokens = list(self._tokenize())
        self.at = 0
        self.depth = 0

    def _tokenize(self) -> Any:
        position, end = 0, len(self.text.rstrip())
        while position < end:
            found = _TOKEN.match(self.text, position)
            if not found:
                raise self._unreadable(position)
            position = found.end()
            yield found.lastgroup, found[found.lastgroup or 0], found.start(found.lastgroup or 0)

    def _unreadable(self, position: int) -> ExpressionError:
        hint = "; kfp writes strings as they are: write \\' for a quote inside one" if "'" in self.text else ""
        return ExpressionError(f"cannot read `{self.text}` at {self.text[position : position + 12]!r}{hint}")

    def _too_deep(self) -> ExpressionError:
        return ExpressionError(f"`{self.text[:60]}...` is nested too deep")

    def _peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) and self.tokens[self.at][0] != "string" else ""

    def _take(self, *signs: str) -> str:
        sign = self._peek()
        if sign and sign in signs:
            self.at += 1
            return sign
        return ""

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._unreadable(self._position())

    def _position(self) -> int:
        return int(self.tokens[self.at][2]) if self.at < len(self.tokens) else len(self.text)

    def parse(self) -> _Eval:
        value = self._or()
        if self.at < len(self.tokens):
            raise self._unreadable(self._position())
        return value

    def _or(self) -> _Eval:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self._too_deep()
        operands = [self._and()]
        while self._take("||"):
            operands.append(self._and())
        self.depth -= 1
        return _decisive(operands, decider=True)

    def _and(self) -> _Eval:
        operands = [self._relation()]
        while self._take("&&"):
            operands.append(self._relation())
        return _decisive(operands, decider=False)

    def _relation(self) -> _Eval:
        left = self._unary()
        sign = self._take("==", "!=", "<=", ">=", "<", ">", "in")
        return _compare(sign, left, self._unary()) if sign else left

    def _unary(self) -> _Eval:
        if self._take("!"):
            operand = self._nested(self._unary)
            return lambda names: not _boolean(operand(names))
        if self._take("-"):
            operand = self._nested(self._unary)
            return lambda names: -_number(operand(names))
        return self._member()

    def _nested(self, rule: Callable[[], _Eval]) -> _Eval:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self._too_deep()
        value = rule()
        self.depth -= 1
        return value

    def _member(self) -> _Eval:
        value = self._primary()
        for _ in range(_MAX_DEPTH):
            if self._take("."):
                kind, word, _ = self.tokens[self.at] if self.at < len(self.tokens) else ("", "", 0)
                if kind != "name":
                    raise self._unreadable(self._position())
                self.at += 1
                value = _index(value, _literal(word))
            elif self._take("["):
                key = self._or()
                self._expect("]")
                value = _index(value, key)
            else:
                return value
        raise self._too_deep()

    def _primary(self) -> _Eval:
        if self._take("("):
            value = self._or()
            self._expect(")")
            return value
        if self._take("["):
            return self._list()
        if self.at >= len(self.tokens):
            raise self._unreadable(len(self.text))
        kind, word, position = self.tokens[self.at]
        self.at += 1
        if kind == "string":
            return _literal(_unescape(word[1:-1]))
        if kind == "number":
            return _literal(float(word) if set(word) & set(".eE") else int(word))
        if kind == "name":
            return self._named(word)
        raise self._unreadable(position)

    def _named(self, word: str) -> _Eval:
        if word in _CONSTANTS:
            return _literal(_CONSTANTS[word])
        if self._take("("):
            function = _FUNCTIONS.get(word)
            if not function:
                raise ExpressionError(f"`{self.text}` uses the function {word}, which is not supported")
            argument = self._or()
            self._expect(")")
            return lambda names: function(argument(names))
        if word not in ("inputs", "string_value"):
            raise ExpressionError(f"`{self.text}` names {word!r}, which is not an input")
        return lambda names: _look_up(names, word)

    def _list(self) -> _Eval:
        items: list[_Eval] = []
        while not self._take("]"):
            if items:
                self._expect(",")
            items.append(self._or())
        return lambda names: [item(names) for item in items]


def _literal(value: Any) -> _Eval:
    return lambda _names: value


def _decisive(operands: list[_Eval], *, decider: bool) -> _Eval:
    """`&&` and `||`: one operand that decides is enough, whatever is wrong with the others."""
    if len(operands) == 1:
        return operands[0]

    def evaluate(names: Mapping[str, Any]) -> bool:
        wrong = None
        for operand in operands:
            try:
                if _boolean(operand(names)) is decider:
                    return decider
            except ExpressionError as error:
                wrong = wrong or error
        if wrong:
            raise wrong
        return not decider

    return evaluate


def _compare(sign: str, left: _Eval, right: _Eval) -> _Eval:
    relation = _RELATIONS[sign]
    return lambda names: relation(left(names), right(names))


def _index(value: _Eval, key: _Eval) -> _Eval:
    return lambda names: _look_up(value(names), key(names))


def _look_up(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(key, str):
        if key in value:
            return value[key]
        known = ", ".join(map(str, list(value)[:10])) or "nothing"
        raise ExpressionError(f"there is no {key!r}; there is {known}")
    if isinstance(value, list) and _kind(key) == "number" and int(key) == key:
        if 0 <= key < len(value):
            return value[int(key)]
        raise ExpressionError(f"there is no item {int(key)} in a list of {len(value)}")
    raise ExpressionError(f"{value!r} has no part {key!r}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(f"{value!r} is not true or false")
    return value


def _number(value: Any) -> Any:
    if _kind(value) != "number":
        raise ExpressionError(f"{value!r} is not a number")
    return value


def _equal(left: Any, right: Any) -> bool:
    """Values of different types are different, not an error; true is not 1."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    return _kind(left) == _kind(right) and bool(left == right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def relation(left: Any, right: Any) -> bool:
        if _kind(left) != _kind(right) or _kind(left) not in ("number", "str", "boolean"):
            raise ExpressionError(f"{left!r} and {right!r} have no order")
        return compare(left, right)

    return relation


def _contains(item: Any, container: Any) -> bool:
    if isinstance(container, list):
        return any(_equal(item, other) for other in container)
    if isinstance(container, Mapping):
        return item in container
    raise ExpressionError(f"nothing is in {container!r}: it is neither a list nor a mapping")


def _to_int(value: Any) -> int:
    try:
        if isinstance(value, str):
            return int(value)
        return int(_number(value))
    except (ValueError, OverflowError) as error:
        raise error if isinstance(error, ExpressionError) else ExpressionError(f"{value!r} is not an integer") from None


def _to_float(value: Any) -> float:
    try:
        return float(value if isinstance(value, str) else _number(value))
    except ValueError as error:
        raise error if isinstance(error, ExpressionError) else ExpressionError(f"{value!r} is not a number") from None


def _to_bool(value: Any) -> bool:
    texts = {"true": True, "True": True, "TRUE": True, "t": True, "1": True}
    texts |= {"false": False, "False": False, "FALSE": False, "f": False, "0": False}
    return texts[value] if isinstance(value, str) and value in texts else _boolean(value)


def _size(value: Any) -> int:
    if not isinstance(value, str | list | Mapping):
        raise ExpressionError(f"{value!r} has no size")
    return len(value)


def _parse_json(value: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError, RecursionError):
        raise ExpressionError(f"{value!r} is not JSON") from None


def _unescape(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        code = found[1]
        if code[0] in "xuU" and len(code) > 1:
            return chr(int(code[1:], 16))
        if len(code) == 3:
            return chr(int(code, 8))
        if code not in _SIMPLE:
            raise ExpressionError(f"the string {text!r} has an unknown escape \\{code}; write \\\\ for a backslash")
        return _SIMPLE[code]

    try:
        return _ESCAPE.sub(one, text)
    except (ValueError, OverflowError) as error:
        raise error if isinstance(error, ExpressionError) else ExpressionError(f"{text!r}: {error}") from None


_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "int": _to_int,
    "double": _to_float,
    "string": to_text,
    "bool": _to_bool,
    "size": _size,
    "parseJson": _parse_json,
}
_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _ordered(lambda left, right: bool(left < right)),
    "<=": _ordered(lambda left, right: bool(left <= right)),
    ">": _ordered(lambda left, right: bool(left > right)),
    ">=": _ordered(lambda left, right: bool(left >= right)),
    "in": _contains,
}
