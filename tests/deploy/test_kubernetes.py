"""The plain manifests: valid for the published schemas, and with times that follow from the configuration."""

import subprocess
from typing import Any

import pytest
import yaml

from command_line.places import ROOT
from gateway import VERSION
from runners.options import DRAIN_MARGIN_SECONDS, TIMEOUT_MARGIN_SECONDS
from tests.deploy.tools import deploy_tool, longest_deadline

FOLDER = ROOT / "deploy/kubernetes"
NAME = "fast-3d-miner"
VERSIONS = ("1.30", "1.34")


def manifests() -> dict[str, dict[str, Any]]:
    return {
        document["kind"]: document
        for file in sorted(FOLDER.glob("*.yaml"))
        for document in yaml.safe_load_all(file.read_text())
    }


def pod() -> dict[str, Any]:
    spec: dict[str, Any] = manifests()["Deployment"]["spec"]["template"]["spec"]
    return spec


def container() -> dict[str, Any]:
    (only,) = pod()["containers"]
    found: dict[str, Any] = only
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid_for_the_published_schemas(version: str) -> None:
    program = deploy_tool("kubernetes-validate")
    files = [str(file) for file in sorted(FOLDER.glob("*.yaml"))]
    done = subprocess.run(
        [str(program), "--strict", "-k", version, *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed") == len(files)


def test_a_pod_may_finish_what_it_has_in_work() -> None:
    longest = longest_deadline(container_environment()["MINER__PROFILE"])
    pause = int(container()["lifecycle"]["preStop"]["exec"]["command"][-1])
    least = pause + longest + TIMEOUT_MARGIN_SECONDS + DRAIN_MARGIN_SECONDS
    assert least <= pod()["terminationGracePeriodSeconds"] <= 2 * least


def test_probes_ask_what_the_service_answers() -> None:
    service = container()
    assert service["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert service["livenessProbe"]["httpGet"]["path"] == "/livez"  # a busy or loading pod is alive
    start = service["startupProbe"]
    assert start["httpGet"]["path"] == "/readyz"
    assert start["periodSeconds"] * start["failureThreshold"] >= 300  # kernels are built at the first start
    assert container_environment()["PORT"] == str(service["ports"][0]["containerPort"])


def container_environment() -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container()["env"]}


def test_a_pod_has_a_gpu_memory_files_and_no_rights() -> None:
    service = container()
    assert service["resources"]["limits"]["nvidia.com/gpu"] == 1
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in service["volumeMounts"]}
    assert mounts["/dev/shm"]["emptyDir"]["medium"] == "Memory"
    assert mounts["/dev/shm"]["emptyDir"]["sizeLimit"] == "4Gi"  # auto takes it from 1 GiB on
    assert mounts["/workspace"]["persistentVolumeClaim"]["claimName"] == NAME
    assert service["securityContext"]["readOnlyRootFilesystem"]
    assert pod()["securityContext"]["runAsNonRoot"]


def test_selectors_find_the_pods_and_the_autoscaler_its_metric() -> None:
    found = manifests()
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for selector in (
        found["Deployment"]["spec"]["selector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector == {"app.kubernetes.io/name": NAME}
        assert selector.items() <= labels.items()
    scaler = found["HorizontalPodAutoscaler"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == found["Deployment"]["metadata"]["name"]
    metric = scaler["metrics"][0]["pods"]["metric"]["name"]
    assert f'"{metric}"' in (ROOT / "gateway/metrics.py").read_text()


def test_images_are_this_version_and_secrets_are_references() -> None:
    for kind in ("Deployment", "Job"):
        (only,) = manifests()[kind]["spec"]["template"]["spec"]["containers"]
        assert only["image"] == f"fast_3d_miner:{VERSION}"
        for entry in only["env"]:
            assert ("valueFrom" in entry) == ("TOKEN" in entry["name"])
