"""Reads BootcHost documents, and any YAML: a judge of bootc that shares no code with it.

    host_document.py check JSON YAML [SCHEMA]  exits with 1 and the reason unless both files hold the same document, the first in
                                               canonical JSON, and the schema, where it is given, allows it
    host_document.py values FILE               prints the document as JSON
    host_document.py texts FILE                prints the document as JSON in which every value is the text that stands there, and a
                                               tagged text a mapping with that one member

Needs PyYAML and jsonschema. PyYAML follows YAML 1.1, in which more words and numbers stand for something else than text than in 1.2.
"""

import json
import re
import sys

import jsonschema
import yaml


class Texts(yaml.BaseLoader):
    pass


Texts.add_multi_constructor("!", lambda loader, tag, node: {tag: node.value})


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def check(json_file, yaml_file, schema_file=None):
    text = read(json_file)
    document = json.loads(text)
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if re.sub(r"\\u[0-9A-F]{4}", lambda escape: escape.group().lower(), text) != canonical:
        sys.exit(f"not canonical:\n{text}\n{canonical}")
    other = yaml.safe_load(read(yaml_file))
    if other != document:
        sys.exit(f"not the same:\n{document}\n{other}")
    if schema_file is not None:
        schema = json.loads(read(schema_file))
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.Draft202012Validator(schema).validate(document)


def values(file):
    print(json.dumps(yaml.safe_load(read(file))))


def texts(file):
    print(json.dumps(yaml.load(read(file), Texts)))


if __name__ == "__main__":
    {"check": check, "values": values, "texts": texts}[sys.argv[1]](*sys.argv[2:])
