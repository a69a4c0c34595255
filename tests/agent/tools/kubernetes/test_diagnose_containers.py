"""Show that a failing container is traced to its cause, with the evidence that an expert would ask for."""

import pytest

from tests.agent.tools.kubernetes.support import diagnosed, facts, first_cause
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import (
    SHOP,
    ago,
    container,
    ended,
    event,
    made,
    pod,
    running,
    termination,
    waiting,
)
from tests.fakes.kubernetes_scenes import IMAGE, POD

STATUS = f"Pod {POD} container web"


def test_a_healthy_deployment_is_called_so_with_evidence(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    found = diagnosed(fake)
    assert (found["healthy"], found["causes"]) == (True, [])
    assert (found["facts"]["desired"], found["facts"]["ready"], found["facts"]["rollout"]) == (3, 3, "complete")
    assert {"from": "Deployment web status", "fact": "3 of 3 pods are ready"} in found["evidence"]
    assert found["could_not_look_at"] == []


def test_an_image_that_the_registry_does_not_have(fake: FakeKubernetes) -> None:
    scenes.image_not_found(fake)
    cause = first_cause(fake)
    assert cause["cause"] == f"Image `{IMAGE}` cannot be pulled: the registry does not know it: not found."
    assert (cause["severity"], cause["confidence"]) == ("critical", "high")
    assert f"{STATUS} status: ImagePullBackOff" in facts(cause)
    assert "code = NotFound" in facts(cause)


def test_an_image_that_needs_a_login(fake: FakeKubernetes) -> None:
    scenes.image_unauthorized(fake)
    cause = first_cause(fake)
    assert "authentication failed" in cause["cause"]
    assert "401 Unauthorized" in facts(cause)
    assert "neither the pod nor its service account default has imagePullSecrets" in facts(cause)
    assert "imagePullSecrets" in cause["fix"]


def test_a_pull_secret_that_is_not_there_is_named_and_its_data_never_asked_for(fake: FakeKubernetes) -> None:
    scenes.image_unauthorized(fake, "regcred")
    assert "imagePullSecrets `regcred`, which does not exist in this namespace" in facts(first_cause(fake))
    fake.put(made("Secret", "regcred", type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": "c2VjcmV0"}))
    assert "imagePullSecrets `regcred`, which exists" in facts(first_cause(fake))
    asked = [one for one in fake.requests if "/secrets/" in one.path]
    assert asked and all("PartialObjectMetadata" in one.headers["accept"] for one in asked)


@pytest.mark.parametrize(
    ("message", "reason", "words"),
    [
        ("toomanyrequests: You have reached your pull rate limit", "ErrImagePull", "rate limit"),
        ("dial tcp: lookup registry.example: no such host", "ErrImagePull", "resolve the registry's name"),
        ("dial tcp 10.0.0.9:443: i/o timeout", "ErrImagePull", "cannot reach the registry"),
        ("tls: failed to verify certificate: x509: unknown authority", "ErrImagePull", "certificate"),
        ("no matching manifest for linux/arm64 in the manifest list", "ErrImagePull", "processor"),
        ("write /var/lib: no space left on device", "ErrImagePull", "disk is full"),
        (
            "pull access denied, repository does not exist or may require authorization: insufficient_scope",
            "ErrImagePull",
            "it does not exist, or it is private",
        ),
        ("couldn't parse image reference: invalid reference format", "InvalidImageName", "invalid name"),
        ("Container image is not present with pull policy of Never", "ErrImageNeverPull", "imagePullPolicy Never"),
        ("something new", "ImagePullBackOff", "cannot be pulled."),
    ],
)
def test_troubles_with_images_are_told_apart(fake: FakeKubernetes, message: str, reason: str, words: str) -> None:
    scenes.image_trouble(fake, message, reason)
    cause = first_cause(fake)
    assert words in cause["cause"]
    assert message in facts(cause)


def test_a_crash_is_explained_by_the_log_of_the_run_before(fake: FakeKubernetes) -> None:
    scenes.crash_loop(fake)
    cause = first_cause(fake)
    assert cause["cause"] == "Container web crashes again and again: it cannot reach another service."
    assert f"{STATUS} status: CrashLoopBackOff" in facts(cause)
    assert f"{STATUS} last state: Error, exit code 1 (the program's general error) after 60s, 12 restarts" in facts(
        cause
    )
    assert "telling line: 2026-11-20T10:00:04Z FATAL cannot connect" in facts(cause)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('FATAL: password authentication failed for user "shop"', "refuses its login"),
        ("getaddrinfo ENOTFOUND redis", "resolve the name"),
        ("KeyError: 'DATABASE_URL'", "a setting is missing"),
        ("Error: environment variable STRIPE_KEY is required", "a setting is missing"),
        ("OSError: [Errno 98] Address already in use", "its port is taken"),
        ("mkdir /data: permission denied", "its file system"),
        ("ModuleNotFoundError: No module named 'flask'", "part of the program is missing"),
        ("open /etc/app/config.yaml: no such file or directory", "a file is missing"),
        ("java.lang.OutOfMemoryError: Java heap space", "out of memory by its own account"),
        ("panic: runtime error: index out of range", "an error that it does not catch"),
        ("yaml: line 4: could not find expected ':'", "wrong syntax"),
    ],
)
def test_the_log_says_why_it_crashed(fake: FakeKubernetes, line: str, words: str) -> None:
    scenes.crash_loop(fake, log=f"starting\n{line}\nexiting\n")
    cause = first_cause(fake)
    assert words in cause["cause"]
    assert line in facts(cause)


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (0, "Completed", "ends again and again: exit code 0: ended without an error"),
        (127, "Error", "exit code 127: the command was not found"),
        (139, "Error", "SIGSEGV"),
        (143, "Error", "SIGTERM"),
        (77, "Error", "exit code 77: the program's own error code"),
    ],
)
def test_without_a_telling_log_the_exit_code_speaks(fake: FakeKubernetes, code: int, reason: str, words: str) -> None:
    scenes.crash_loop(fake, code, log="bye\n", reason=reason)
    assert words in first_cause(fake)["cause"]


def test_a_log_that_may_not_be_read_is_said_and_does_not_end_the_diagnosis(fake: FakeKubernetes) -> None:
    scenes.crash_loop(fake)
    fake.forbid("get", "pods/log")
    found = diagnosed(fake)
    assert "exit code 1" in found["causes"][0]["cause"]
    assert "may not get pods/log" in found["could_not_look_at"][0]


def test_memory_above_the_limit(fake: FakeKubernetes) -> None:
    scenes.out_of_memory(fake)
    cause = first_cause(fake)
    assert "more memory than its limit of 256Mi (OOMKilled)" in cause["cause"]
    assert "OOMKilled, exit code 137" in facts(cause)
    assert "memory limit 256Mi" in facts(cause)


def test_memory_above_the_limit_is_still_told_when_the_container_is_back(fake: FakeKubernetes) -> None:
    scenes.one_pod(fake, pod(statuses=[running(restarts=1, last=termination(137, "OOMKilled"))]))
    cause = first_cause(fake)
    assert (cause["severity"], "OOMKilled" in cause["cause"]) == ("warning", True)


def test_a_crash_of_long_ago_is_no_cause(fake: FakeKubernetes) -> None:
    old = termination(1) | {"finishedAt": ago(days=9), "startedAt": ago(days=10)}
    scenes.healthy(fake, replicas=1)
    fake.put(pod(statuses=[running(restarts=4, last=old)]))
    assert diagnosed(fake)["healthy"] is True


def test_a_liveness_probe_that_kills(fake: FakeKubernetes) -> None:
    scenes.liveness_kills(fake)
    cause = first_cause(fake)
    assert cause["cause"] == "Container web is killed by its own liveness probe: it does not answer in time."
    assert "failed liveness probe, will be restarted" in facts(cause)
    assert "GET /healthz on port 8080, timeout 1 s" in facts(cause)


def test_a_readiness_probe_that_fails(fake: FakeKubernetes) -> None:
    scenes.not_ready(fake)
    cause = first_cause(fake)
    assert cause["cause"] == "The readiness probe of container web fails: it answers with status 503."
    assert "running, not ready" in facts(cause)
    assert "GET /ready on port 8080" in facts(cause)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("couldn't find key DB_URL in ConfigMap shop/web-config", "ConfigMap `web-config` has no key `DB_URL`"),
        ("couldn't find key password in Secret shop/db", "Secret `db` has no key `password`"),
        ('secret "db" not found', "Secret `db` is missing"),
        ('configmap "web-config" not found', "ConfigMap `web-config` is missing"),
        ("container has runAsNonRoot and image will run as root", "must not run as root"),
    ],
)
def test_missing_configuration_is_named(fake: FakeKubernetes, message: str, words: str) -> None:
    scenes.missing_config(fake, message)
    cause = first_cause(fake)
    assert words in cause["cause"]
    assert f"CreateContainerConfigError: {message}" in facts(cause)


def test_a_missing_key_is_shown_beside_the_keys_that_are_there_without_values(fake: FakeKubernetes) -> None:
    scenes.missing_config(fake, "couldn't find key password in Secret shop/db")
    fake.put(made("Secret", "db", data={"user": "c2hvcC11c2Vy", "passwort": "aHVudGVyMg=="}))
    cause = first_cause(fake)
    assert "Secret db: has the keys passwort, user" in facts(cause)
    assert "aHVudGVyMg" not in str(diagnosed(fake))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('exec: "./serve": stat ./serve: no such file or directory', "its command is not in the image"),
        ("exec /app/serve: exec format error", "another processor"),
        ('exec: "/app/serve": permission denied', "may not be executed"),
        (
            'error mounting "/var/lib/kubelet/pods/0b1c/volume-subpaths/conf/web/0" to rootfs at "/app/app.conf": '
            "no such file or directory",
            "something can't be mounted into it",
        ),
        ("container init was OOM-killed (memory limit too low?)", "its memory limit is too low even to start it"),
    ],
)
def test_a_command_that_cannot_start(fake: FakeKubernetes, message: str, words: str) -> None:
    scenes.cannot_start(fake, f"failed to create containerd task: {message}: unknown")
    cause = first_cause(fake)
    assert words in cause["cause"]
    assert message in facts(cause)


def test_an_init_container_that_fails_is_the_cause_and_not_the_main_one(fake: FakeKubernetes) -> None:
    scenes.init_fails(fake)
    found = diagnosed(fake)
    assert [one["cause"] for one in found["causes"]] == [
        "Init container migrate crashes again and again: its database has not the tables that it expects."
    ]
    assert 'relation "orders" does not exist' in facts(found["causes"][0])


def test_an_init_container_that_waits(fake: FakeKubernetes) -> None:
    state = waiting("x", name="wait") | {"state": {"running": {"startedAt": ago(minutes=40)}}}
    found = pod(
        phase="Pending",
        statuses=[waiting("PodInitializing")],
        status={"initContainerStatuses": [state]},
        spec={"initContainers": [container("wait")]},
    )
    scenes.one_pod(fake, found)
    cause = first_cause(fake)
    assert "waits for its init container wait" in cause["cause"]
    assert "running for 40m" in facts(cause)


def test_pods_with_the_same_trouble_are_told_of_once(fake: FakeKubernetes) -> None:
    scenes.crash_loop(fake)
    state = waiting("CrashLoopBackOff", "back-off", restarts=12, last=termination(1))
    fake.put(*[pod(mark=mark, statuses=[state]) for mark in ("aaaaa", "bbbbb", "ccccc")])
    found = diagnosed(fake)
    assert len(found["causes"]) == 1
    assert found["facts"]["pods_alike"][0].startswith("4 pods are CrashLoopBackOff: ")


def test_one_container_of_two_is_named(fake: FakeKubernetes) -> None:
    states = [running(), waiting("CrashLoopBackOff", "back-off", name="proxy", restarts=4, last=termination(2))]
    found = pod(statuses=states, containers=[container(), container("proxy")])
    scenes.one_pod(fake, found)
    fake.logs[(SHOP, POD, "proxy", True)] = "no cluster named upstream\n"
    cause = first_cause(fake, "pod", POD)
    assert cause["cause"].startswith("Container proxy crashes")
    assert f"{POD}/proxy" in facts(cause)


def test_secrets_in_a_log_are_taken_out(fake: FakeKubernetes) -> None:
    scenes.crash_loop(fake, log="connecting to postgres://shop:hunter2hunter2@db:5432/shop\nconnection refused\n")
    assert "hunter2" not in str(diagnosed(fake))


def test_a_pod_may_be_named_itself(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    found = diagnosed(fake, "pod", POD)
    assert found["healthy"] is True
    assert found["facts"] | {"node": "node-1", "status": "Running", "ready": "1/1"} == found["facts"]


def test_a_failed_pod_that_is_not_started_again(fake: FakeKubernetes) -> None:
    found = pod(phase="Failed", statuses=[ended(3)], spec={"restartPolicy": "Never"})
    fake.put(found, event(found, "Started", "Started container web", type="Normal"))
    fake.logs[(SHOP, POD, "web", False)] = "cannot open ledger\n"
    cause = first_cause(fake, "po", POD)
    assert cause["cause"] == "Container web has failed: exit code 3: the program's own error code."
    assert "cannot open ledger" in facts(cause)
