"""Field tables: one `Node` per place in an object, compiled lazily from OpenAPI (built-in kinds and CRDs alike).

A node knows the type of its value, which fields it has, how lists are keyed and merged, and what defaults the schema
itself carries. Rules that a schema doesn't say (defaults of a kind, immutability) live in `defaults` and `rules`.
"""

from typing import Any, Literal

Source = dict[str, Any]
Types = dict[str, Source]
Shape = Literal["leaf", "map", "list", "any"]

METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


class Node:
    """One place in an object.

    `type` is an OpenAPI type, or `any`, `int-or-string`, `quantity`. `shape` says how ownership sees it: `leaf` is
    owned as a whole, `map` per field, `list` per item, `any` as its value looks (schemaless).
    `closed`: fields that are not declared are dropped.
    """

    __slots__ = (
        "_empty", "builtin", "children", "closed", "defaults", "key_defaults", "keys", "merge_key", "named", "nullable",
        "omitempty", "required", "shape", "source", "strategy", "type", "types", "values",
    )  # fmt: skip

    def __init__(self, source: Source, types: Types, *, builtin: bool) -> None:
        self.source = source = _embedded(resolved(source, types))
        self.types = types
        self.builtin = builtin
        self.type = _type(source)
        properties: dict[str, Source] = source.get("properties", {})
        self.named = properties.keys()
        self.required: frozenset[str] = frozenset(source.get("required", ()))
        self.nullable = bool(source.get("nullable"))
        self.omitempty = bool(source.get("x-omitempty"))
        self.closed = self.type == "object" and not _open(source, builtin=builtin)
        self.values = self._values(source)
        self.children: dict[str, Node | None] = _Children(self, properties)
        self.defaults = _defaults(properties, types, builtin=builtin)
        self.keys: tuple[str, ...] = tuple(source.get("x-kubernetes-list-map-keys", ()))
        self.key_defaults: dict[str, Any] = self.values.defaults if self.values is not None and self.keys else {}
        self.merge_key: str | None = source.get("x-kubernetes-patch-merge-key")
        self.strategy: tuple[str, ...] = tuple(source.get("x-kubernetes-patch-strategy", "").split(","))
        self.shape: Shape = _shape(self)
        self._empty: Source | None = None

    def _values(self, source: Source) -> "Node | None":
        if self.type == "any":
            return self
        if self.type == "array":
            return Node(source.get("items", {}), self.types, builtin=self.builtin)
        extra = source.get("additionalProperties")
        if self.type == "object" and isinstance(extra, dict):
            return Node(extra, self.types, builtin=self.builtin)
        return ANYTHING if not self.closed and self.type == "object" else None

    def empty(self) -> Source:
        """The value of a built-in type that sets nothing, as far as Go writes it: structs, scalars, null lists."""
        if self._empty is None:
            self._empty = {}
            for name in self.named:
                child = self.children[name] or ANYTHING
                if self.defaults.get(name) == {}:
                    self._empty[name] = child.empty()
                elif name in self.required and child.type == "array" and not child.omitempty:
                    self._empty[name] = None
                elif self.defaults.get(name) in ("", 0):
                    self._empty[name] = self.defaults[name]
        return self._empty

    def walk(self, *names: str) -> "Node":
        """The node below, by field names; undeclared places are schemaless."""
        node: Node = self
        for name in names:
            node = node.children[name] or ANYTHING
        return node


class _Children(dict[str, "Node | None"]):
    """Field name -> node, made when first asked for (schemas may be recursive). `None`: not declared."""

    def __init__(self, parent: Node, properties: dict[str, Source]) -> None:
        self.parent = parent
        self.properties = properties

    def __missing__(self, name: str) -> Node | None:
        source = self.properties.get(name)
        if source is None:
            return self.parent.values  # not kept: the keys of a map are without bound
        # A CRD may not refer to anything: a reference below one is the usual metadata.
        node = Node(source, self.parent.types, builtin=self.parent.builtin or "$ref" in source)
        self[name] = node
        return node


def resolved(source: Source, types: Types) -> Source:
    """The source with its reference followed; what stands beside a reference wins."""
    while "$ref" in source:
        beside = {key: value for key, value in source.items() if key != "$ref"}
        if source["$ref"] == QUANTITY:
            return {"format": "quantity", **beside}
        source = {**types[source["$ref"]], **beside}
    return source


def _embedded(source: Source) -> Source:
    """A place that holds a whole object has its three usual fields, declared or not."""
    if not source.get("x-kubernetes-embedded-resource"):
        return source
    usual = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"$ref": METADATA}}
    return {**source, "properties": {**source.get("properties", {}), **usual}}


def custom(schema: Source, types: Types) -> Node:
    """The node of a custom resource's version; `types` are the built-in ones (its metadata is the usual one)."""
    if schema.get("type", "object") != "object" or not schema:
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return Node({**schema, "x-kubernetes-embedded-resource": True}, types, builtin=False)


def _type(source: Source) -> str:
    if source.get("x-kubernetes-int-or-string") or source.get("format") == "int-or-string":
        return "int-or-string"
    if source.get("format") == "quantity":
        return "quantity"
    kind: str = source.get("type", "any")
    if kind == "any" and "properties" in source:
        return "object"
    return kind


def _open(source: Source, *, builtin: bool) -> bool:
    """Whether fields that are not declared stay."""
    if source.get("x-kubernetes-preserve-unknown-fields") or source.get("additionalProperties") is True:
        return True
    schemaless = not source.get("properties") and "additionalProperties" not in source
    return builtin and schemaless  # RawExtension, FieldsV1; a CRD's bare object is pruned


def _defaults(properties: dict[str, Source], types: Types, *, builtin: bool) -> Source:
    """Field -> default. Of built-in types also Go's structs that are no pointers, and scalars it always writes."""
    found: Source = {}
    for name, source in properties.items():
        if "default" not in source:
            continue
        value = source["default"]
        if not builtin:
            found[name] = value
        elif value == {}:
            if resolved(source, types).get("properties"):
                found[name] = value
        else:
            found[name] = value
    return found


def _shape(node: Node) -> Shape:
    if node.type == "any":
        return "any"
    if node.type == "object":
        if node.source.get("x-kubernetes-map-type") == "atomic":
            return "leaf"
        schemaless = node.builtin and not node.named and node.values is ANYTHING
        return "any" if schemaless else "map"
    if node.type == "array":
        return "list" if node.source.get("x-kubernetes-list-type") in ("map", "set") else "leaf"
    return "leaf"


ANYTHING = Node({}, {}, builtin=False)
"""A schemaless place: anything goes, maps are owned per field, lists as a whole."""
