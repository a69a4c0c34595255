# ruff: noqa: E501 - the table of rules has one resource a line.
"""Show that Terraform code and plans are reviewed as a careful colleague would."""

import json
import time
from typing import Any

import pytest

from agent.outcomes import RESULT_MAX_CHARS
from agent.tools.terraform.review import TERRAFORM_REVIEW, review
from agent.tools.terraform.rules import RULES
from agent.types import ToolError
from tests.agent.tools.support import NOWHERE

GOOD = """\
terraform {
  required_version = "~> 1.12"
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 6.0" }
  }
  backend "s3" {
    bucket       = "state"
    key          = "shop"
    encrypt      = true
    use_lockfile = true
  }
}

variable "db_password" {
  type      = string
  sensitive = true
}

module "vpc" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "6.0.1"
}

module "local" { source = "./modules/x" }

resource "aws_security_group" "web" {
  description = "Takes requests of the load balancer"
  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8"]
  }
}

resource "aws_db_instance" "shop" {
  storage_encrypted   = true
  password            = var.db_password
  publicly_accessible = false
  deletion_protection = true
  lifecycle { prevent_destroy = true }
}

resource "aws_instance" "web" {
  for_each = toset(var.names)
  ami      = data.aws_ami.debian.id
  metadata_options { http_tokens = "required" }
  root_block_device { encrypted = true }
  user_data = <<-EOT
    #!/bin/sh
    echo ${each.key}
  EOT
}

data "aws_ami" "debian" {
  most_recent = true
  owners      = ["136693071363"]
  filter {
    name   = "name"
    values = ["debian-13-*"]
  }
}

resource "aws_iam_policy" "read" {
  policy = jsonencode({
    Statement = [{ Effect = "Allow", Action = ["s3:GetObject"], Resource = "${aws_s3_bucket.b.arn}/*" }]
  })
}
"""


def found(source: str, *, hints: bool = False) -> list[tuple[str, int | None]]:
    """Return the rules broken and their lines, without hints unless asked for."""
    findings = review(source)[1]
    return sorted(
        ((one.rule, one.line) for one in findings if hints or one.severity != "info"),
        key=lambda pair: (pair[1] or 0, pair[0]),
    )


def test_good_code_has_no_findings() -> None:
    assert found(GOOD, hints=True) == []
    facts = review(GOOD)[0]
    assert facts["resources"] == [
        "aws_security_group.web",
        "aws_db_instance.shop",
        "aws_instance.web",
        "aws_iam_policy.read",
    ]
    assert facts["modules"] == ["vpc", "local"]


def test_usual_bad_code_has_exactly_these_findings() -> None:
    source = """\
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
  backend "local" {}
}
provider "aws" {
  region     = "eu-west-1"
  secret_key = "kJ8sHq2mNv5xPz7wRt4y"
}
resource "aws_security_group" "web" {
  ingress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
  ingress {
    from_port        = 5400
    to_port          = 5500
    ipv6_cidr_blocks = ["::/0"]
  }
}
resource "aws_s3_bucket" "b" {
  acl           = "public-read"
  force_destroy = true
}
resource "aws_s3_bucket_public_access_block" "b" {
  block_public_acls = false
}
resource "aws_db_instance" "db" {
  password            = "hunter2"
  publicly_accessible = true
  skip_final_snapshot = true
  deletion_protection = false
}
resource "aws_instance" "i" {
  count = length(var.names)
  ebs_block_device {
    device_name = "x"
  }
  provisioner "local-exec" {
    command = "echo"
  }
  lifecycle {
    ignore_changes = all
  }
}
data "aws_ami" "any" {
  most_recent = true
}
module "m" {
  source = "git::https://example.com/m.git"
}
resource "google_compute_firewall" "f" {
  source_ranges = ["0.0.0.0/0"]
  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}
"""
    assert found(source, hints=True) == [
        ("no-required-version", 1),
        ("provider-without-version", 3),
        ("local-backend", 5),
        ("hard-coded-secret", 9),
        ("no-description", 11),
        ("open-to-world", 12),
        ("open-to-world", 18),
        ("deprecated", 25),
        ("public-bucket", 25),
        ("force-destroy", 26),
        ("public-bucket", 29),
        ("no-prevent-destroy", 31),
        ("not-encrypted", 31),
        ("hard-coded-secret", 32),
        ("public-database", 33),
        ("no-final-snapshot", 34),
        ("no-deletion-protection", 35),
        ("imdsv1", 37),
        ("count-over-list", 38),
        ("not-encrypted", 39),
        ("provisioner", 42),
        ("ignores-all-changes", 46),
        ("ami-of-strangers", 49),
        ("module-without-version", 53),
        ("provider-without-version", 55),
        ("open-to-world", 57),
    ]


def resource(kind: str, body: str) -> str:
    return f'resource "{kind}" "x" {{\n{body}\n}}\n'


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (resource("aws_security_group_rule", 'type = "ingress"\nfrom_port = 3389\nto_port = 3389\ncidr_blocks = ["0.0.0.0/0"]'), ["open-to-world"]),
        (resource("aws_security_group_rule", 'type = "egress"\nfrom_port = 0\nto_port = 0\nprotocol = "-1"\ncidr_blocks = ["0.0.0.0/0"]'), []),
        (resource("aws_vpc_security_group_ingress_rule", 'cidr_ipv4 = "0.0.0.0/0"\nip_protocol = "-1"'), ["open-to-world"]),
        (resource("aws_vpc_security_group_ingress_rule", 'cidr_ipv4 = var.net\nip_protocol = "-1"'), []),
        (resource("aws_security_group", 'description = "x"\ndynamic "ingress" {\nfor_each = var.p\ncontent {\nfrom_port = 22\nto_port = 22\ncidr_blocks = ["0.0.0.0/0"]\n}\n}'), ["open-to-world"]),
        (resource("aws_security_group", 'description = "x"\ndynamic "ingress" {\nfor_each = [80, 3306]\ncontent {\nfrom_port = ingress.value\nto_port = ingress.value\ncidr_blocks = ["0.0.0.0/0"]\n}\n}'), ["open-to-world"]),
        (resource("aws_security_group", 'description = "x"\ndynamic "ingress" {\nfor_each = toset(["22"])\ncontent {\nfrom_port = ingress.key\nto_port = ingress.key\ncidr_blocks = ["0.0.0.0/0"]\n}\n}'), ["open-to-world"]),
        (resource("aws_security_group", 'description = "x"\ndynamic "ingress" {\nfor_each = var.ports\ncontent {\nfrom_port = ingress.value\nto_port = ingress.value\ncidr_blocks = ["0.0.0.0/0"]\n}\n}'), []),
        ('data "aws_iam_policy_document" "d" {\nstatement {\nactions = ["sts:AssumeRole"]\nprincipals {\ntype = "AWS"\nidentifiers = ["*"]\n}\n}\n}', ["rights-for-everyone"]),
        ('data "aws_iam_policy_document" "d" {\nstatement {\nactions = ["sts:AssumeRole"]\nprincipals {\ntype = "AWS"\nidentifiers = ["*"]\n}\ncondition {\ntest = "StringEquals"\n}\n}\n}', []),
        ('data "aws_iam_policy_document" "d" {\nstatement {\nactions = ["sts:AssumeRole"]\nprincipals {\ntype = "Service"\nidentifiers = ["ec2.amazonaws.com"]\n}\n}\n}', []),
        (resource("aws_iam_role_policy_attachment", 'policy_arn = "arn:aws:iam::aws:policy/AdministratorAccess"'), ["owner-rights"]),
        (resource("aws_iam_role_policy_attachment", 'policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"'), []),
        (resource("google_project_iam_member", 'role = "roles/owner"\nmember = "allAuthenticatedUsers"'), ["owner-rights", "rights-for-everyone"]),
        (resource("google_cloud_run_service_iam_member", 'role = "roles/run.invoker"\nmember = "allUsers"'), []),
        (resource("azurerm_role_assignment", 'role_definition_name = "Owner"'), ["owner-rights"]),
        (resource("azurerm_mssql_firewall_rule", 'start_ip_address = "0.0.0.0"\nend_ip_address = "255.255.255.255"'), ["public-database"]),
        (resource("azurerm_mssql_firewall_rule", 'start_ip_address = "0.0.0.0"\nend_ip_address = "0.0.0.0"'), []),
        (resource("aws_lambda_permission", 'principal = "*"'), ["public-policy"]),
        (resource("aws_lambda_permission", 'principal = "*"\nsource_arn = "x"'), []),
        (resource("aws_eks_cluster", 'vpc_config {\npublic_access_cidrs = ["0.0.0.0/0"]\n}'), ["public-control-plane"]),
        (resource("aws_eks_cluster", 'vpc_config {\nendpoint_public_access = false\npublic_access_cidrs = ["0.0.0.0/0"]\n}'), []),
        (resource("aws_network_acl_rule", 'rule_number = 1\nprotocol = "-1"\nrule_action = "allow"\ncidr_block = "0.0.0.0/0"'), ["open-network-acl"]),
        (resource("aws_network_acl_rule", 'rule_number = 1\nprotocol = "-1"\nrule_action = "allow"\negress = true\ncidr_block = "0.0.0.0/0"'), []),
        (resource("aws_network_acl", 'ingress {\nprotocol = "-1"\naction = "allow"\ncidr_block = "0.0.0.0/0"\n}'), ["open-network-acl"]),
        ('variable "a" {}\nvariable "b" {}\nvariable "a" {}', ["same-address"]),
        (resource("aws_ebs_volume", "size = 1"), ["not-encrypted"]),
        (resource("aws_ebs_volume", "encrypted = var.e"), []),
        (resource("aws_ebs_volume", "encrypted = false"), ["not-encrypted"]),
        (resource("azurerm_network_security_rule", 'direction = "Inbound"\naccess = "Allow"\nsource_address_prefix = "*"\ndestination_port_range = "20-30"'), ["open-to-world"]),
        (resource("azurerm_network_security_rule", 'direction = "Inbound"\naccess = "Deny"\nsource_address_prefix = "*"\ndestination_port_range = "*"'), []),
        (resource("azurerm_storage_account", "allow_nested_items_to_be_public = true"), ["public-bucket"]),
        (resource("azurerm_storage_container", 'container_access_type = "blob"'), ["public-bucket"]),
        (resource("google_storage_bucket", "uniform_bucket_level_access = false"), ["public-bucket"]),
        (resource("google_storage_bucket_iam_member", 'member = "allUsers"'), ["public-bucket"]),
        (resource("google_sql_database_instance", 'settings {\nip_configuration {\nauthorized_networks {\nvalue = "0.0.0.0/0"\n}\n}\n}'), ["public-database"]),
        ('data "aws_iam_policy_document" "d" {\nstatement {\nactions = ["*"]\nresources = ["*"]\n}\n}', ["wildcard-iam"]),
        ('data "aws_iam_policy_document" "d" {\nstatement {\neffect = "Deny"\nactions = ["*"]\nresources = ["*"]\n}\n}', []),
        (resource("aws_iam_policy", 'policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "s3:*", Resource = "*" }] })'), ["broad-iam"]),
        (resource("aws_iam_policy", 'policy = <<EOF\n{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}\nEOF'), ["wildcard-iam"]),
        (resource("aws_s3_bucket_policy", 'policy = jsonencode({ Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:GetObject", Resource = "x" }] })'), ["public-policy"]),
        (resource("aws_s3_bucket", "versioning {\nenabled = true\n}"), ["deprecated"]),
        (resource("aws_launch_template", 'metadata_options {\nhttp_tokens = "optional"\n}'), ["imdsv1"]),
        (resource("aws_ecs_task_definition", 'environment = { DB_PASSWORD = "hunter2", MODE = "x" }'), ["hard-coded-secret"]),
        (resource("aws_x", 'password = "<redacted:password>"'), ["hard-coded-secret"]),
        (resource("aws_x", 'password = "${var.p}"\nsecret_name = "db-credentials"\ntoken = random_password.x.result'), []),
        ('variable "api_token" {\ndefault = "abcd1234efgh"\n}', ["hard-coded-secret"]),
        ('variable "api_token" {\ndefault = ""\n}', []),
        ('data "http" "x" {\nurl = "http://example.com"\n}', ["plain-http"]),
        ('module "m" {\nsource = "terraform-aws-modules/vpc/aws"\n}', ["module-without-version"]),
        ('module "m" {\nsource = "git::https://example.com/m.git?ref=v1"\n}', []),
        ('terraform {\nbackend "s3" {\nencrypt = false\n}\n}', ["state-not-encrypted"]),
        ('resource "aws_instance" "a" {\n  ami = \n}', ["syntax-error"]),
        ('resource "aws_instance" "a" {', ["syntax-error"]),
        ("hello world, what is this?", ["syntax-error"]),
        ("# only a comment\n", []),
    ],
)  # fmt: skip
def test_rules(source: str, expected: list[str]) -> None:
    assert [rule for rule, _ in found(source)] == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('ingress {\nfrom_port = 22\nto_port = 22\ncidr_blocks = ["0.0.0.0/0"]\n}', ["fragment", "open-to-world"]),
        ('from_port = 22\nto_port = 22\ncidr_blocks = ["0.0.0.0/0"]', ["fragment", "open-to-world"]),
        ('statement {\nactions = ["*"]\nresources = ["*"]\n}', ["fragment", "wildcard-iam"]),
        ('ingress {\nfrom_port = 443\nto_port = 443\ncidr_blocks = ["0.0.0.0/0"]\n}', ["fragment"]),
        ('region = "eu-west-1"\nports = [22]', []),
    ],
)
def test_a_part_of_a_resource_is_reviewed_on_its_own_and_called_a_part(source: str, expected: list[str]) -> None:
    assert [rule for rule, _ in found(source, hints=True)] == expected


@pytest.mark.parametrize(
    "source",
    [
        "# the bucket will be created\n",
        "# aws_s3_bucket.logs will be created by another team\n",
        'resource "null_resource" "x" {\n  # module.db must be replaced by hand\n}\n',
    ],
)
def test_a_comment_is_not_taken_for_a_plan(source: str) -> None:
    assert review(source)[0]["kind"] == "code"


def test_a_syntax_error_names_its_line() -> None:
    assert found('resource "a" "b" {\n  x = 1\n  y = = 2\n}\n') == [("syntax-error", 3)]


def change(address: str, actions: list[str], **more: Any) -> dict[str, Any]:
    kind = address.split(".")[-2]
    outer = {key: more.pop(key) for key in ("mode", "action_reason") if key in more}
    return {"address": address, "type": kind, "mode": "managed", **outer, "change": {"actions": actions, **more}}


PLAN = {
    "format_version": "1.2",
    "terraform_version": "1.12.1",
    "resource_changes": [
        change("aws_vpc.a", ["no-op"]),
        change("data.aws_ami.x", ["read"], mode="data"),
        change("aws_subnet.new", ["create"], after={"cidr": "10.0.0.0/24"}),
        change("module.db.aws_db_instance.shop", ["delete", "create"], replace_paths=[["engine_version"], ["az"]],
               before={"engine_version": "15", "storage_encrypted": True, "az": "a", "password": "hunter2"},
               after={"engine_version": "17", "storage_encrypted": True, "password": "hunter3"},
               after_unknown={"az": True, "id": True}, before_sensitive={"password": True},
               after_sensitive={"password": True}),
        change("aws_lambda_function.f", ["delete"], action_reason="delete_because_no_resource_config"),
        change("aws_lb.web", ["create", "delete"], replace_paths=[["name"]], before={"name": "a"}, after={"name": "b"}),
        change("aws_ssm_parameter.p", ["update"], before={"value": "topsikret", "tier": "a"},
               after={"value": "othersikret", "tier": "b"}, before_sensitive={"value": True}),
        change("aws_security_group_rule.r", ["create"],
               after={"type": "ingress", "from_port": 22, "to_port": 22, "cidr_blocks": ["0.0.0.0/0"]}),
    ],
}  # fmt: skip


def test_a_plan_tells_what_it_destroys_and_why() -> None:
    output = TERRAFORM_REVIEW.run({"source": json.dumps(PLAN)}, NOWHERE)
    assert output.summary == "2 to create, 1 to update, 2 to replace, 1 to destroy; 2 errors, 2 warnings"
    assert [(one["rule"], one["path"]) for one in output.data["findings"]] == [
        ("destroys-data", "module.db.aws_db_instance.shop"),
        ("open-to-world", "aws_security_group_rule.r"),
        ("destroys-resource", "aws_lambda_function.f"),
        ("replaces-resource", "aws_lb.web"),
    ]
    database = output.data["destroyed_or_replaced"][0]
    assert (database["forced_by"], database["data_loss"]) == (["engine_version", "az"], True)
    assert {"name": "engine_version", "before": '"15"', "after": '"17"'} in database["attributes"]
    assert {"name": "az", "before": '"a"', "after": "(known after apply)"} in database["attributes"]
    assert output.data["created"] == ["aws_subnet.new", "aws_security_group_rule.r"]


def test_sensitive_values_of_a_plan_are_never_shown() -> None:
    shown = json.dumps(TERRAFORM_REVIEW.run({"source": json.dumps(PLAN)}, NOWHERE).data)
    assert "hunter" not in shown and "sikret" not in shown
    assert '{"name": "value", "before": "(sensitive)", "after": "(sensitive)"}' in shown
    assert '"tier", "before": "\\"a\\""' in shown


def test_a_plan_without_changes_is_calm() -> None:
    plan = {"format_version": "1.2", "resource_changes": [change("aws_vpc.a", ["no-op"])]}
    assert TERRAFORM_REVIEW.run({"source": json.dumps(plan)}, NOWHERE).summary == "no changes; no findings"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{", "not valid JSON"),
        ("[1]", "must be an object"),
        ("{}", "no Terraform plan"),
        ('{"values": {}}', "a Terraform state"),
        ("Terraform will perform the following actions:\n", "terraform show -json"),
        ("  # aws_db_instance.main must be replaced\n-/+ resource", "terraform show -json"),
        ("x\n\n  # aws_vpc.main will be created\n  + resource", "terraform show -json"),
        ("OpenTofu will perform the following actions:\n", "terraform show -json"),
        ("...\nPlan: 1 to add, 0 to change, 1 to destroy.\n", "terraform show -json"),
        ("   \n", "nothing"),
        ("a = 1\0", "NUL"),
        ("[" * 100_000, "deep"),
        ("a {\n" * 100 + "}\n" * 100, "nested"),
    ],
)
def test_it_says_what_is_wrong(source: str, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        review(source)


HUGE = {"resource_changes": [change(f"aws_db_instance.{'x' * 100}{n}", ["delete"]) for n in range(800)]}


@pytest.mark.parametrize(
    "source",
    [
        "a = " + "[" * 5_000 + "]" * 5_000,
        "a = " + "1+" * 8_000 + "1",
        'a = "' + "${" * 9_000,
        "a = 1\n" * 3_000,
        'resource "aws_security_group" "x" { ingress {} }\n' * 400,
        "x" * 200_000,
        "\n" * 199_000 + "x",
        "# " + "a." * 99_000,
        json.dumps(HUGE),
        json.dumps({"resource_changes": [1, None, {"change": 5}, {"change": {"actions": [[], {}], "after": 7}}]}),
        json.dumps({"resource_changes": [change("a.b", ["update"], before=[1], after="x", after_unknown=True)]}),
    ],
    ids=lambda source: source[:16],
)
def test_hostile_input_ends_soon_and_fits(source: str) -> None:
    began = time.process_time()
    try:
        data = TERRAFORM_REVIEW.run(TERRAFORM_REVIEW.read({"source": source}), NOWHERE).data
    except ToolError:
        data = {}
    assert time.process_time() - began < 3
    assert len(json.dumps(data)) < RESULT_MAX_CHARS


def test_long_code_is_read_in_a_process_of_its_own() -> None:
    source = GOOD + "# padding\n" * 2_500
    assert len(source) > 20_000
    assert found(source, hints=True) == []
    with pytest.raises(ToolError, match="nested"):
        review("#\n" * 11_000 + "a {\n" * 100 + "}\n" * 100)


def test_every_rule_is_worded() -> None:
    for name, rule in RULES.items():
        assert rule.severity in ("error", "warning", "info"), name
        assert rule.why.endswith(".") and rule.fix.endswith("."), name
