"""Show that reports on AWS find what is dangerous or broken, and say what they could not see."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from agent.tools.aws.calls import CALLS_MAX
from agent.tools.aws.read import AWS_READ
from agent.types import Connection, Reach, ToolError
from clients.outward import AllowList, Outward
from clients.reach import Refused, Unreachable, WayOut
from tests.agent.tools.support import local_reach
from tests.fakes.aws import KEY_ID, REGION, SECRET, FakeAws, aws_server

SETTINGS = {"access_key_id": KEY_ID, "secret_access_key": SECRET, "region": REGION}


@pytest.fixture
def fake_aws() -> Iterator[FakeAws]:
    fake = aws_server()
    fake.reset()
    yield fake
    fake.check_signatures(after=10**9)
    fake.reset()


def read(reach: Reach, report: str, **given: Any) -> dict[str, Any]:
    output = AWS_READ.run(AWS_READ.read({"report": report, **given}), reach)
    text = json.dumps(output.data, allow_nan=False)
    assert len(text) < 30_000 and SECRET not in text
    return {**output.data, "summary": output.summary}


def on(settings: Mapping[str, str]) -> Reach:
    return local_reach(Connection("c1", "aws", "main", settings))


def rules(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["rule"], one.get("path", "")) for one in found["findings"]]


class Aws:
    """Answer AWS calls as a test says, where moto can't; each value is a parsed answer or an error."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.calls: list[tuple[str, Mapping[str, Any], str]] = []

    def aws(
        self, credentials: Mapping[str, str], service: str, operation: str, parameters: Mapping[str, Any], region: str
    ) -> dict[str, Any]:
        self.calls.append((operation, parameters, region))
        answer = self.answers[operation]
        answer = answer(parameters) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return cast("dict[str, Any]", answer)


def scripted(**answers: Any) -> tuple[Reach, Aws]:
    out = Aws(answers)
    return Reach(cast("WayOut", out), Connection("c1", "aws", "main", SETTINGS)), out


def refusal(code: str) -> Unreachable:
    return Unreachable("protocol", f"AWS refused x y. {code}: no", code=code)


# --- Instances ------------------------------------------------------------------------------------------------------


def test_an_instance_that_is_open_to_the_world_is_found(fake_aws: FakeAws) -> None:
    ec2 = fake_aws.client("ec2")
    network = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="open", Description="x", VpcId=network)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=20, ToPort=25, CidrIp="0.0.0.0/0")
    made = ec2.run_instances(
        ImageId="ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.micro",
        SecurityGroupIds=[group],
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "bastion"}]}],
    )
    identity = made["Instances"][0]["InstanceId"]
    found = read(on(fake_aws.settings), "instances")
    (instance,) = found["instances"]
    assert (instance["id"], instance["name"], instance["state"]) == (identity, "bastion", "running")
    assert (instance["type"], instance["zone"]) == ("t3.micro", "eu-west-1a")
    assert ("remote-access-open", identity) in rules(found)
    (opened,) = [one for one in found["findings"] if one["rule"] == "remote-access-open"]
    assert f"{group} opens SSH (port 22) to 0.0.0.0/0" in opened["message"]


INSTANCE = {
    "InstanceId": "i-1",
    "State": {"Name": "running"},
    "PublicIpAddress": "198.51.100.7",
    "SecurityGroups": [{"GroupId": "sg-1"}],
    "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
}


def instances(*some: dict[str, Any], rules: Any = (), statuses: Any = ()) -> Reach:
    reach, _ = scripted(
        describe_instances={"Reservations": [{"Instances": list(some)}]},
        describe_security_groups={"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": list(rules)}]},
        describe_instance_status={"InstanceStatuses": list(statuses)},
    )
    return reach


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, ["SSH"]),
        ({"IpProtocol": "tcp", "FromPort": 3389, "ToPort": 3389, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}, ["RDP"]),
        ({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, ["SSH", "RDP"]),
        ({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}, []),
        ({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, []),
        ({"IpProtocol": "udp", "FromPort": 0, "ToPort": 65535, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, []),
    ],
)
def test_rules_that_open_remote_access_are_told_from_others(rule: dict[str, Any], found: list[str]) -> None:
    messages = [one["message"] for one in read(instances(INSTANCE, rules=[rule]), "instances")["findings"]]
    assert len(messages) == len(found) and all(word in text for word, text in zip(found, messages, strict=True))


def test_an_instance_without_a_public_address_is_not_open_to_the_world() -> None:
    rule = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    private = {key: value for key, value in INSTANCE.items() if key != "PublicIpAddress"}
    assert rules(read(instances(private, rules=[rule]), "instances")) == []


def test_failed_checks_old_metadata_and_long_stops_are_found() -> None:
    stopped = {
        "InstanceId": "i-2",
        "State": {"Name": "stopped"},
        "StateTransitionReason": "User initiated (2020-01-01 00:00:00 GMT)",
        "MetadataOptions": {"HttpTokens": "optional", "HttpEndpoint": "enabled"},
    }
    status = {"InstanceId": "i-1", "SystemStatus": {"Status": "ok"}, "InstanceStatus": {"Status": "impaired"}}
    events = {**status, "Events": [{"Code": "system-reboot"}]}
    gone = {"InstanceId": "i-3", "State": {"Name": "terminated"}}
    found = read(instances(INSTANCE, stopped, gone, statuses=[events]), "instances")
    assert rules(found) == [
        ("status-check-failed", "i-1"),
        ("imdsv1-allowed", "i-2"),
        ("planned-event", "i-1"),
        ("stopped-long", "i-2"),
    ]
    assert (found["count"], found["states"]) == (2, {"running": 1, "stopped": 1})
    assert found["summary"] == "2 instances, 1 error, 2 warnings, 1 hint"


def test_many_instances_are_counted_whole_and_fit() -> None:
    many = [{**INSTANCE, "InstanceId": f"i-{n}", "MetadataOptions": {"HttpTokens": "optional"}} for n in range(900)]
    found = read(instances(*many), "instances")
    assert found["count"] == 900 and len(found["instances"]) + found["instances_not_listed"] == 900
    assert len(found["instances"]) > 20 and len(found["findings"]) + found["findings_not_listed"] == 900


def test_pages_are_followed_so_far_and_no_further() -> None:
    reach, out = scripted(
        describe_instances={"Reservations": [{"Instances": []}], "NextToken": "again"},
        describe_instance_status={},
    )
    found = read(reach, "instances")
    assert [parameters.get("NextToken") for _, parameters, _ in out.calls] == [None, "again", "again", "again"]
    assert found["not_looked_at"] == ["ec2 describe_instances: more pages"]


# --- Services -------------------------------------------------------------------------------------------------------


def test_services_of_all_clusters_are_seen(fake_aws: FakeAws) -> None:
    ecs = fake_aws.client("ecs")
    ecs.create_cluster(clusterName="shop")
    container = {"name": "web", "image": "web:1", "memory": 128}
    ecs.register_task_definition(family="web", containerDefinitions=[container])
    ecs.create_service(cluster="shop", serviceName="web", taskDefinition="web", desiredCount=2)
    found = read(on(fake_aws.settings), "services")
    (service,) = found["services"]
    assert (found["clusters"], service["service"], service["desired"]) == (["shop"], "web", 2)
    assert ("too-few-tasks", "shop/web") in rules(found)


def test_stuck_and_failed_rollouts_are_found_with_the_reason() -> None:
    deployments = [
        {
            "status": "PRIMARY",
            "rolloutState": "IN_PROGRESS",
            "createdAt": "2026-01-01T00:00:00+00:00",
            "failedTasks": 7,
            "taskDefinition": "arn:aws:ecs:eu-west-1:1:task-definition/web:9",
        },
        {"status": "ACTIVE", "rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start."},
    ]
    event = {"createdAt": "2026-01-01T00:01:00+00:00", "message": "(service web) is unable to place a task"}
    service = {"serviceName": "web", "clusterArn": "arn:aws:ecs:x:1:cluster/shop", "desiredCount": 3, "runningCount": 1}
    reach, _ = scripted(
        list_clusters={"clusterArns": ["arn:aws:ecs:x:1:cluster/shop"]},
        list_services={"serviceArns": ["arn:1"]},
        describe_services={"services": [{**service, "deployments": deployments, "events": [event]}]},
    )
    found = read(reach, "services")
    assert {rule for rule, _ in rules(found)} == {"too-few-tasks", "rollout-stuck", "rollout-failed"}
    assert any("unable to place a task" in one["message"] for one in found["findings"])
    assert any("web:9 in shop/web has been going on for" in one["message"] for one in found["findings"])


def test_one_report_makes_few_calls_and_says_what_it_left_out() -> None:
    reach, out = scripted(
        list_clusters={"clusterArns": [f"arn:aws:ecs:x:1:cluster/c{n}" for n in range(90)]},
        list_services={"serviceArns": []},
    )
    found = read(reach, "services")
    assert len(out.calls) == CALLS_MAX
    assert found["not_looked_at"] == ["ecs list_services"]


# --- Alarms ---------------------------------------------------------------------------------------------------------


def test_alarms_that_ring_are_told_with_their_reason(fake_aws: FakeAws) -> None:
    cloudwatch = fake_aws.client("cloudwatch")
    for name, state in (("cpu-high", "ALARM"), ("disk-full", "OK")):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            MetricName="CPUUtilization",
            Namespace="AWS/EC2",
            Statistic="Average",
            Period=300,
            EvaluationPeriods=2,
            Threshold=80.0,
            ComparisonOperator="GreaterThanThreshold",
            ActionsEnabled=False,
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="Threshold Crossed: 91 > 80")
    found = read(on(fake_aws.settings), "alarms")
    (alarm,) = found["alarms"]
    assert (alarm["name"], alarm["reason"]) == ("cpu-high", "Threshold Crossed: 91 > 80")
    assert alarm["condition"] == "Average GreaterThanThreshold 80.0 for 2 periods of 300 s"
    assert rules(found) == [("alarm-rings", "cpu-high")]
    assert "nobody is told" in found["findings"][0]["message"]


# --- Buckets --------------------------------------------------------------------------------------------------------


def test_a_public_bucket_is_found_and_a_blocked_one_is_not(fake_aws: FakeAws) -> None:
    s3 = fake_aws.client("s3")
    place = {"LocationConstraint": REGION}
    for name in ("open-bucket", "blocked-bucket"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration=place, ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket="open-bucket")
    s3.put_bucket_acl(Bucket="open-bucket", ACL="public-read")
    every = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket="blocked-bucket", PublicAccessBlockConfiguration=dict.fromkeys(every, True))
    found = read(on(fake_aws.settings), "buckets")
    assert {one["name"]: (one["public"], one["bucket_block"]) for one in found["buckets"]} == {
        "open-bucket": ("yes", "none"),
        "blocked-bucket": ("no", "all"),
    }
    assert ("bucket-public", "open-bucket") in rules(found)
    assert not any(
        path == "blocked-bucket" and rule.startswith(("bucket-public", "public")) for rule, path in rules(found)
    )
    assert found["account_block"] == "none"


def buckets(count: int, **answers: Any) -> tuple[Reach, Aws]:
    rule = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    return scripted(
        **{
            "list_buckets": {"Buckets": [{"Name": f"b{n}", "BucketRegion": "us-east-1"} for n in range(count)]},
            "get_caller_identity": {"Account": "123456789012"},
            "get_public_access_block": refusal("NoSuchPublicAccessBlockConfiguration"),
            "get_bucket_policy_status": refusal("NoSuchBucketPolicy"),
            "get_bucket_acl": {"Grants": []},
            "get_bucket_encryption": {"ServerSideEncryptionConfiguration": rule},
            **answers,
        }
    )


def test_a_bucket_is_asked_in_its_own_region() -> None:
    reach, out = buckets(1)
    read(reach, "buckets")
    assert [(operation, region) for operation, _, region in out.calls] == [
        ("list_buckets", REGION),
        ("get_caller_identity", REGION),
        ("get_public_access_block", REGION),
        *((name, "us-east-1") for name in ("get_public_access_block", "get_bucket_policy_status")),
        *((name, "us-east-1") for name in ("get_bucket_acl", "get_bucket_encryption")),
    ]


def test_a_public_policy_and_missing_encryption_are_found() -> None:
    none = refusal("ServerSideEncryptionConfigurationNotFoundError")
    reach, _ = buckets(1, get_bucket_policy_status={"PolicyStatus": {"IsPublic": True}}, get_bucket_encryption=none)
    assert rules(read(reach, "buckets")) == [("bucket-public", "b0"), ("bucket-not-encrypted", "b0")]


def test_what_the_account_blocks_costs_no_further_calls() -> None:
    every = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    reach, out = buckets(2, get_public_access_block={"PublicAccessBlockConfiguration": dict.fromkeys(every, True)})
    found = read(reach, "buckets")
    assert rules(found) == [] and found["account_block"] == "all"
    assert "get_bucket_acl" not in [operation for operation, _, _ in out.calls]


def test_buckets_beyond_the_calls_are_counted_and_told() -> None:
    reach, out = buckets(100)
    found = read(reach, "buckets")
    assert len(out.calls) <= CALLS_MAX
    assert (found["count"], found["checked"]) == (100, 14)
    assert found["not_looked_at"] == ["86 of 100 buckets, since one report makes few calls"]


def test_what_the_key_may_not_see_of_a_bucket_is_unknown_not_safe() -> None:
    reach, _ = buckets(1, get_bucket_acl=refusal("AccessDenied"), get_bucket_encryption=refusal("AccessDenied"))
    found = read(reach, "buckets")
    assert (found["buckets"][0]["public"], found["buckets"][0]["encryption"]) == ("unknown", "unknown")
    assert found["not_allowed"] == ["s3 get_bucket_acl", "s3 get_bucket_encryption"]


@pytest.mark.parametrize(
    "fault", [refusal("SlowDown"), refusal("NoSuchBucket"), Unreachable("timeout", "s3 was slow")], ids=str
)
def test_a_bucket_without_an_answer_does_not_cost_the_others(fault: Unreachable) -> None:
    def granted(parameters: Mapping[str, Any]) -> Any:
        everybody = {"URI": "http://acs.amazonaws.com/groups/global/AllUsers"}
        return fault if parameters["Bucket"] == "b6" else {"Grants": [{"Grantee": everybody, "Permission": "READ"}]}

    reach, _ = buckets(8, get_bucket_acl=granted)
    found = read(reach, "buckets")
    assert rules(found) == [("bucket-public", f"b{n}") for n in (0, 1, 2, 3, 4, 5, 7)]
    assert (found["count"], found["checked"]) == (8, 7)
    (told,) = found["not_looked_at"]
    assert told.startswith("1 of 8 buckets (b6): ") and str(fault) in told


def test_a_report_of_buckets_without_any_answer_is_none() -> None:
    reach, _ = buckets(8, get_bucket_acl=refusal("SlowDown"))
    with pytest.raises(ToolError, match="SlowDown") as raised:
        read(reach, "buckets")
    assert raised.value.ours


# --- Rights, faults and odd answers ---------------------------------------------------------------------------------


def test_a_key_that_may_not_read_is_told_by_aws_itself(fake_aws: FakeAws) -> None:
    settings = fake_aws.user("s3:*")
    fake_aws.check_signatures(after=0)
    found = read(on(settings), "instances")
    assert found["not_allowed"] == ["ec2 describe_instances"] and "may not read" in found["note"]
    with pytest.raises(ToolError, match="does not accept the connection's key") as raised:
        read(on({**settings, "secret_access_key": "wrong" * 8}), "instances")
    assert raised.value.ours and "wrong" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "words", "ours"),
    [
        (refusal("AuthFailure"), "key (AuthFailure)", True),
        (refusal("OptInRequired"), "eu-west-1 is not enabled", False),
        (refusal("RequestLimitExceeded"), "RequestLimitExceeded", True),
        (Unreachable("timeout", "ec2 did not answer"), "AWS could not be asked: ec2 did not answer", True),
        (Refused("private", "10.0.0.1 belongs to a private network."), "TOOLS_ALLOW_PRIVATE", True),
    ],
)
def test_faults_are_told(error: Exception, words: str, ours: bool) -> None:
    reach, _ = scripted(describe_instances=error)
    with pytest.raises(ToolError) as raised:
        read(reach, "instances")
    assert words in str(raised.value) and raised.value.ours == ours


ODD = [
    {},
    {"Reservations": "x"},
    {"Buckets": [None, {"Name": 5}]},
    {"clusterArns": [5]},
    {"MetricAlarms": [{"Dimensions": 1}]},
]


@pytest.mark.parametrize("report", ["instances", "services", "alarms", "buckets"])
@pytest.mark.parametrize("answer", ODD)
def test_odd_answers_do_no_harm(report: str, answer: dict[str, Any]) -> None:
    class Odd(dict[str, Any]):
        def __missing__(self, _operation: str) -> Any:
            return answer

    out = Aws(Odd())
    read(Reach(cast("WayOut", out), Connection("c1", "aws", "main", SETTINGS)), report)


def test_an_endpoint_within_a_private_network_is_refused() -> None:
    settings = {**SETTINGS, "endpoint_url": "http://169.254.169.254"}
    reach = Reach(Outward(AllowList.parse([])), Connection("c1", "aws", "main", settings))
    with pytest.raises(ToolError, match="metadata"):
        read(reach, "alarms")


@pytest.mark.parametrize(
    "given",
    [{}, {"report": "users"}, {"report": "alarms", "region": "x"}, {"report": "alarms", "region": "a-b-1.evil.com"}],
)
def test_it_refuses_wrong_input(given: dict[str, Any]) -> None:
    reach, out = scripted()
    with pytest.raises(ToolError):
        AWS_READ.run(AWS_READ.read(given), reach)
    assert out.calls == []
