"""YAML as a person means it: durations stay text, and nothing is written twice."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml


def read_yaml(text: str) -> Any:
    """Plain values from YAML; raises `yaml.YAMLError`, also where a key stands twice in one section."""
    # A SafeLoader underneath: it makes plain values only.
    return yaml.load(text, Loader=_Loader)


class _Loader(yaml.SafeLoader):
    """YAML 1.1 would read 1:00:15:00 as a number to the base of 60, and keep the last of two equal keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Make a dict of a section."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen and name != "<<":
                raise yaml.constructor.ConstructorError(None, None, f"the key {name} twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


_NUMBERS = {
    "tag:yaml.org,2002:int": r"[-+]?(0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)",
    "tag:yaml.org,2002:float": r"[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?|[-+]?\.[0-9][0-9_]*([eE][-+][0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag not in _NUMBERS]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in _NUMBERS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), list("-+.0123456789"))
