"""YAML as a person means it: durations and dates stay text, and nothing is written twice."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml


def read_yaml(text: str) -> Any:
    """Plain values from YAML.

    Raises `yaml.YAMLError` for whatever cannot be made into them, also for a key that stands
    twice in one section and an anchor inside itself.
    """
    try:
        # A SafeLoader underneath: it makes plain values only.
        return yaml.load(text, Loader=_Loader)
    except RecursionError:
        raise yaml.YAMLError("more brackets within brackets than can be read") from None


class _Loader(yaml.SafeLoader):
    """YAML 1.1 would read 1:00:15:00 as a number to the base of 60, and keep the last of two equal keys."""

    def get_single_node(self) -> yaml.Node | None:
        """Compose the document, and see that it runs in no circle."""
        node = super().get_single_node()
        if node is not None:
            _refuse_circles(node)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Make a value; one that does not fit its own tag is an error of the YAML."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(
                None, None, f"a value that is no {kind}", node.start_mark
            ) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Make a dict of a section."""
        seen: set[str] = set()
        # What a tag calls a section and is none, is told underneath.
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            name = str(key.value)
            if name in seen and name != "<<":
                raise yaml.constructor.ConstructorError(None, None, f"the key {name} twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def _refuse_circles(root: yaml.Node) -> None:
    above: set[int] = set()
    done: set[int] = set()
    # Not by recursion: nodes may lie deeper than Python's stack. A node comes up twice, before and after what it holds.
    steps = [(root, False)]
    while steps:
        node, left = steps.pop()
        if left:
            above.discard(id(node))
            done.add(id(node))
        elif id(node) in above:
            raise yaml.composer.ComposerError(None, None, "an anchor inside itself", node.start_mark)
        elif isinstance(node, yaml.CollectionNode) and id(node) not in done:
            above.add(id(node))
            steps.append((node, True))
            inner = node.value if isinstance(node, yaml.SequenceNode) else [one for pair in node.value for one in pair]
            steps.extend((one, False) for one in inner)


_NUMBERS = {
    "tag:yaml.org,2002:int": r"[-+]?(0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)",
    "tag:yaml.org,2002:float": r"[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?|[-+]?\.[0-9][0-9_]*([eE][-+][0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}
# A folder called 2024-05-01 is no point in time, and one called 2024-31-12 no error.
_REPLACED = {*_NUMBERS, "tag:yaml.org,2002:timestamp"}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag not in _REPLACED]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in _NUMBERS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), list("-+.0123456789"))
