#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Validates JSON documents against the published schemas, more strictly than a user would.

validate.py --check                     every file of schema/ is a schema, and its references hold
validate.py [--open] KIND FILE...       every document is one of that kind
validate.py --invalid KIND FILE...      no document is

The published schemas let documents of tessera carry further members, since keys are added under the
same version. Our own answers may not: here every object is closed, so that a member that no schema
describes is found. --open leaves the schema as it is published.

Of a file that ends in .jsonl every line is a document.
"""

import copy
import json
import pathlib
import sys
import warnings

import jsonschema

# RefResolver is what the oldest supported version (4.10) has; newer ones warn of it.
warnings.filterwarnings("ignore", category=DeprecationWarning)

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "schema"
SUFFIX = ".schema.json"
BASE = "file:///schema/"


def load():
    return {path.name: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*" + SUFFIX))}


class Closer:
    """Makes every object refuse members that no schema names.

    An object that is put together from several (allOf, or $ref beside properties) is merged into
    one first, because only the whole can be closed.
    """

    def __init__(self, documents):
        self.documents = documents

    def resolve(self, reference, home):
        file, _, pointer = reference.partition("#")
        home = file or home
        node = self.documents[home]
        for key in pointer.strip("/").split("/") if pointer else []:
            node = node[key]
        return node, home

    def absolute(self, node, home):
        if isinstance(node, dict):
            return {
                key: BASE + (home if value.startswith("#") else "") + value
                if key == "$ref" and not value.startswith(BASE)
                else self.absolute(value, home)
                for key, value in node.items()
            }
        return [self.absolute(item, home) for item in node] if isinstance(node, list) else node

    def merged(self, node, home):
        """`node` with what it refers to written out, if it describes an object in parts."""
        parts = [part["$ref"] for part in node.get("allOf", []) if set(part) == {"$ref"}]
        if "$ref" in node and ({"properties", "required", "unevaluatedProperties"} & set(node)):
            parts.append(node["$ref"])
        if not parts:
            return self.absolute(node, home)
        whole = self.absolute(
            {k: v for k, v in node.items() if k not in ("allOf", "$ref", "unevaluatedProperties")},
            home,
        )
        for reference in parts:
            target, place = self.resolve(reference.removeprefix(BASE), home)
            base = self.merged(copy.deepcopy(target), place)
            for key in ("properties", "dependentRequired"):
                whole[key] = base.get(key, {}) | whole.get(key, {})
            whole["required"] = base.get("required", []) + whole.get("required", [])
            for key, value in base.items():
                whole.setdefault(key, value)
        whole["required"] = sorted(set(whole["required"]))
        return whole

    def close(self, node, home):
        if isinstance(node, list):
            return [self.close(item, home) for item in node]
        if not isinstance(node, dict):
            return node
        node = self.merged(node, home)
        closed = {
            key: {name: self.close(value, home) for name, value in item.items()}
            if key in ("properties", "$defs")
            else item
            if key in ("const", "enum", "examples", "required", "dependentRequired")
            else self.close(item, home)
            for key, item in node.items()
        }
        if "properties" in closed:
            closed.setdefault("additionalProperties", False)
        return closed


def closed_documents(documents):
    closer = Closer(documents)
    return {name: closer.close(copy.deepcopy(document), name) for name, document in documents.items()}


def validator_for(kind, documents):
    schema = documents[kind + SUFFIX]
    resolver = jsonschema.RefResolver(
        BASE + kind + SUFFIX, schema, {BASE + name: document for name, document in documents.items()}
    )
    return jsonschema.Draft202012Validator(schema, resolver=resolver)


def check_schemas(documents):
    def references(node):
        if isinstance(node, dict):
            for key, value in node.items():
                yield from [value] if key == "$ref" else references(value)
        elif isinstance(node, list):
            for item in node:
                yield from references(item)

    closer = Closer(documents)
    for name, document in documents.items():
        jsonschema.Draft202012Validator.check_schema(document)
        for reference in references(document):
            closer.resolve(reference, name)
    for document in closed_documents(documents).values():
        jsonschema.Draft202012Validator.check_schema(document)
    print(f"{len(documents)} schemas")


def findings(validator, file):
    text = pathlib.Path(file).read_text()
    lines = text.splitlines() if file.endswith(".jsonl") else [text]
    found = [] if lines else [f"{file}: has no document"]
    for number, line in enumerate(lines, 1):
        place = f"{file}:{number}" if len(lines) > 1 else file
        errors = sorted(validator.iter_errors(json.loads(line)), key=lambda error: error.json_path)
        found += [f"{place}: {error.json_path}: {error.message[:300]}" for error in errors]
    return found


def main(arguments):
    documents = load()
    if arguments == ["--check"]:
        check_schemas(documents)
        return 0
    option = arguments.pop(0) if arguments[0].startswith("--") else ""
    kind, *files = arguments
    validator = validator_for(kind, documents if option == "--open" else closed_documents(documents))
    wrong = []
    for file in files:
        found = findings(validator, file)
        if option == "--invalid":
            found = [] if found else [f"{file}: is valid"]
        wrong += found
    print("\n".join(wrong))
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
