"""deploy/bentocloud.yaml against BentoML's own schema, and against the services that a Bento for it has."""

import json
import os
import subprocess
import sys
from typing import Any, get_args, get_type_hints

import attrs
import pytest
import yaml
from bentoml._internal.cloud.schemas import modelschemas, schemasv2
from bentoml._internal.utils.cattr import bentoml_cattr

from command_line.places import ROOT
from configuration.leaves import parse_overrides, parse_yaml

FILE = ROOT / "deploy/bentocloud.yaml"
PROGRAM = """
import json, service
print(json.dumps({name: found.config["traffic"] for name, found in service.Miner.all_services().items()}))
"""


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return content


def unknown_keys(value: Any, schema: type) -> list[str]:
    """Keys that BentoML would drop without a word."""
    hints = get_type_hints(schema, vars(modelschemas) | vars(schemasv2))
    wrong: list[str] = []
    for key, inner in value.items():
        if key not in hints:
            wrong.append(f"{schema.__name__}.{key}")
            continue
        for known in classes_in(hints[key]):
            found = inner if isinstance(inner, list) else [inner]
            if isinstance(inner, dict) and schema is schemasv2.CreateDeploymentSchema and key == "services":
                found = list(inner.values())
            wrong += [name for item in found for name in unknown_keys(item, known)]
    return wrong


def classes_in(hint: Any) -> list[type]:
    """The schema's own classes in a type such as `list[X] | None`."""
    if isinstance(hint, type) and attrs.has(hint):
        return [hint]
    return [known for part in get_args(hint) for known in classes_in(part)]


def test_bentoml_takes_every_key(given: dict[str, Any]) -> None:
    read = bentoml_cattr.structure(given, schemasv2.CreateDeploymentSchema)
    assert set(read.services) == set(given["services"])
    assert unknown_keys(given, schemasv2.CreateDeploymentSchema) == []
    for service in given["services"].values():
        modelschemas.DeploymentStrategy(service["deployment_strategy"])


def test_a_misspelt_key_would_be_noticed(given: dict[str, Any]) -> None:
    services = {name: service | {"scalling": {}} for name, service in given["services"].items()}
    wrong = unknown_keys(given | {"services": services, "secret": ["a"]}, schemasv2.CreateDeploymentSchema)
    assert wrong == ["DeploymentServiceConfig.scalling"] * 2 + ["CreateDeploymentSchema.secret"]


def test_the_services_and_their_limits_are_those_of_the_bento(given: dict[str, Any]) -> None:
    environment = {entry["name"]: entry["value"] for entry in given["envs"]}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "MINER__PROFILE": "embedded", "MINER__DEVICE": "cpu", **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    traffic = {name: service["config_overrides"]["traffic"] for name, service in given["services"].items()}
    assert traffic == json.loads(done.stdout.splitlines()[-1])


def test_its_environment_holds_known_keys_and_no_secret(given: dict[str, Any]) -> None:
    known = parse_yaml((ROOT / "configuration.yaml").read_text(), name="configuration.yaml")
    environment = {entry["name"]: entry["value"] for entry in given["envs"]}
    parse_overrides(environment, prefix="MINER__", known=known)
    assert environment["MINER__SERVICES__GATEWAY__HANDOVER"] == "inline"
    assert not [name for name in environment if "TOKEN" in name or "KEY" in name]
