"""Find what is risky about single Terraform resources: encryption, deletion, permissions, metadata, deprecations."""

import json
from collections.abc import Iterator
from typing import Any

from agent.secret_judgement import is_secret, kind_of_name
from agent.tools.terraform.hcl import Block, Expression
from agent.tools.terraform.network import Problem, of_network

# Resources that hold what can't be made again, by their type.
STATEFUL = {
    "aws_db_instance", "aws_rds_cluster", "aws_dynamodb_table", "aws_s3_bucket", "aws_ebs_volume",
    "aws_efs_file_system",
    "aws_elasticache_replication_group", "aws_elasticache_cluster", "aws_redshift_cluster", "aws_docdb_cluster",
    "aws_neptune_cluster", "aws_opensearch_domain", "aws_elasticsearch_domain", "aws_kms_key", "aws_route53_zone",
    "aws_ecr_repository", "aws_secretsmanager_secret", "aws_cognito_user_pool", "aws_msk_cluster", "aws_mq_broker",
    "aws_fsx_lustre_file_system", "aws_kinesis_stream", "aws_backup_vault", "aws_cloudwatch_log_group", "aws_sqs_queue",
    "aws_eks_cluster", "azurerm_storage_account", "azurerm_storage_container", "azurerm_mssql_server",
    "azurerm_mssql_database", "azurerm_postgresql_server", "azurerm_postgresql_flexible_server",
    "azurerm_mysql_flexible_server", "azurerm_cosmosdb_account", "azurerm_managed_disk", "azurerm_key_vault",
    "azurerm_key_vault_key", "azurerm_dns_zone", "azurerm_redis_cache", "azurerm_resource_group",
    "azurerm_container_registry", "google_sql_database_instance", "google_sql_database", "google_storage_bucket",
    "google_compute_disk", "google_bigquery_dataset", "google_bigquery_table", "google_spanner_instance",
    "google_spanner_database", "google_kms_crypto_key", "google_dns_managed_zone", "google_redis_instance",
    "google_filestore_instance", "google_container_cluster", "google_project", "kubernetes_namespace",
    "kubernetes_persistent_volume_claim", "kubernetes_persistent_volume", "digitalocean_database_cluster",
    "digitalocean_volume", "hcloud_volume", "random_password", "tls_private_key", "mongodbatlas_cluster",
}  # fmt: skip
_GUARD_ADVISED = {
    "aws_db_instance", "aws_rds_cluster", "aws_dynamodb_table", "aws_efs_file_system", "aws_kms_key",
    "aws_route53_zone", "aws_docdb_cluster", "aws_redshift_cluster", "azurerm_mssql_database",
    "azurerm_postgresql_flexible_server", "azurerm_cosmosdb_account", "azurerm_key_vault",
    "google_sql_database_instance", "google_kms_crypto_key", "google_dns_managed_zone", "google_spanner_instance",
}  # fmt: skip
_ENCRYPTED = {
    "aws_ebs_volume": "encrypted",
    "aws_efs_file_system": "encrypted",
    "aws_db_instance": "storage_encrypted",
    "aws_rds_cluster": "storage_encrypted",
    "aws_docdb_cluster": "storage_encrypted",
    "aws_neptune_cluster": "storage_encrypted",
    "aws_redshift_cluster": "encrypted",
    "aws_elasticache_replication_group": "at_rest_encryption_enabled",
}
_INLINE_OF_BUCKET = {
    "acl": "aws_s3_bucket_acl",
    "versioning": "aws_s3_bucket_versioning",
    "logging": "aws_s3_bucket_logging",
    "lifecycle_rule": "aws_s3_bucket_lifecycle_configuration",
    "server_side_encryption_configuration": "aws_s3_bucket_server_side_encryption_configuration",
    "website": "aws_s3_bucket_website_configuration",
    "cors_rule": "aws_s3_bucket_cors_configuration",
    "policy": "aws_s3_bucket_policy",
    "replication_configuration": "aws_s3_bucket_replication_configuration",
}
_DEPRECATED = {
    ("aws_eip", "vpc"): 'domain = "vpc"',
    ("aws_db_instance", "name"): "db_name",
    ("azurerm_storage_account", "allow_blob_public_access"): "allow_nested_items_to_be_public",
    ("azurerm_storage_account", "enable_https_traffic_only"): "https_traffic_only_enabled",
    ("google_storage_bucket", "bucket_policy_only"): "uniform_bucket_level_access",
    ("google_container_cluster", "enable_binary_authorization"): "binary_authorization",
}
_POLICIES = ("policy", "assume_role_policy", "inline_policy", "policy_document", "access_policies")
# Where a role that may do everything is given: the beginning of the type, the attribute, the end of its value.
_OWNERS = (
    ("aws_iam_", "policy_arn", ":policy/AdministratorAccess"),
    ("aws_iam_role", "managed_policy_arns", ":policy/AdministratorAccess"),
    ("azurerm_role_assignment", "role_definition_name", "Owner"),
    ("google_", "role", "roles/owner"),
)
_NEVER_PUBLIC = (
    "google_project_iam", "google_folder_iam", "google_organization_iam", "google_service_account_iam",
    "google_secret_manager_secret_iam", "google_kms_crypto_key_iam", "google_kms_key_ring_iam",
)  # fmt: skip
SECRET_DEPTH = 12


def of_resource(kind: str, block: Block) -> Iterator[Problem]:
    """Yield what is risky about a resource, whether it comes from code or from a plan."""
    yield from of_network(kind, block)
    yield from _encryption(kind, block)
    yield from _deletion(kind, block)
    yield from _machines(kind, block)
    yield from _policies(kind, block)
    yield from _rights(kind, block)
    yield from _deprecated(kind, block)


def _encryption(kind: str, block: Block) -> Iterator[Problem]:
    name = _ENCRYPTED.get(kind)
    if name and not block.literal(name) and not block.is_open(name):
        yield Problem("not-encrypted", block.line_of(name), f"{name} is not true.")
    if kind in ("aws_instance", "aws_launch_configuration"):
        for device in ("root_block_device", "ebs_block_device"):
            for disk in block.blocks(device):
                if not disk.literal("encrypted") and not disk.is_open("encrypted"):
                    yield Problem("not-encrypted", disk.line, f"{device}: encrypted is not true.")
    if kind == "aws_kms_key" and block.get("enable_key_rotation") in (None, False):
        if str(block.get("key_usage") or "ENCRYPT_DECRYPT") == "ENCRYPT_DECRYPT":
            yield Problem("no-key-rotation", block.line, "The key is not rotated.")


def _deletion(kind: str, block: Block) -> Iterator[Problem]:
    if block.literal("skip_final_snapshot") is True:
        yield Problem("no-final-snapshot", block.line_of("skip_final_snapshot"), "skip_final_snapshot is true.")
    for name in ("deletion_protection", "deletion_protection_enabled"):
        if block.literal(name) is False and kind in STATEFUL:
            yield Problem("no-deletion-protection", block.line_of(name), f"{name} is false.")
    if block.literal("force_destroy") is True and kind in STATEFUL:
        yield Problem("force-destroy", block.line_of("force_destroy"), "force_destroy is true.")


def of_lifecycle(kind: str, block: Block) -> Iterator[Problem]:
    """Yield what only the code tells about a resource: its lifecycle, provisioners and how it is repeated."""
    guards = [lifecycle.get("prevent_destroy") for lifecycle in block.blocks("lifecycle")]
    if kind in _GUARD_ADVISED and not any(guards) and block.get("deletion_protection") is not True:
        yield Problem("no-prevent-destroy", block.line, "Nothing guards it against being destroyed.")
    for lifecycle in block.blocks("lifecycle"):
        if str(lifecycle.get("ignore_changes")) == "all":
            yield Problem("ignores-all-changes", lifecycle.line_of("ignore_changes"), "ignore_changes is all.")
    for provisioner in block.blocks("provisioner"):
        name = (provisioner.labels or ("?",))[0]
        if name in ("local-exec", "remote-exec"):
            yield Problem("provisioner", provisioner.line, f"A {name} provisioner is used.")
    count = block.get("count")
    if isinstance(count, Expression) and count.startswith("length("):
        yield Problem("count-over-list", block.line_of("count"), "count goes over the length of a list.")


def _machines(kind: str, block: Block) -> Iterator[Problem]:
    if kind not in ("aws_instance", "aws_launch_template", "aws_launch_configuration"):
        return
    options = block.blocks("metadata_options")
    safe = any(
        one.get("http_tokens") == "required" or one.is_open("http_tokens") or one.get("http_endpoint") == "disabled"
        for one in options
    )
    if not safe and not block.is_open("metadata_options"):
        line = options[0].line if options else block.line
        yield Problem("imdsv1", line, "The old metadata service is not switched off (http_tokens).")


def _policies(kind: str, block: Block) -> Iterator[Problem]:
    if kind == "aws_iam_policy_document":
        for statement in block.blocks("statement"):
            if str(statement.get("effect") or "Allow") == "Allow":
                given = {
                    "Action": statement.get("actions"),
                    "Resource": statement.get("resources"),
                    "Principal": [name for one in statement.blocks("principals") for name in _people(one)],
                    "Condition": statement.blocks("condition"),
                }
                yield from _statement(given, statement.line or block.line)
        return
    for name in _POLICIES:
        for found in _statements(block.get(name)):
            yield from _statement(found, block.line_of(name))


def _people(principals: Block) -> list[str]:
    """Return whom a block of a policy document names; a service that is `*` is none."""
    return _listed(principals.get("identifiers")) if principals.get("type") in ("AWS", "*") else []


def _rights(kind: str, block: Block) -> Iterator[Problem]:
    """Yield roles that may do everything, and rights that everyone gets."""
    for start, name, role in _OWNERS:
        if kind.startswith(start) and any(one.endswith(role) for one in _listed(block.get(name))):
            yield Problem(
                "owner-rights", block.line_of(name), f"`{role.rpartition('/')[2]}` is given, which may do everything."
            )
    members = {*_listed(block.get("member")), *_listed(block.get("members"))}
    if kind.startswith(_NEVER_PUBLIC) and members & {"allUsers", "allAuthenticatedUsers"}:
        name = "member" if block.get("member") else "members"
        yield Problem(
            "rights-for-everyone", block.line_of(name), f"`{str(block.get('role'))[:60]}` is given to everyone."
        )
    limits = ("source_arn", "source_account", "principal_org_id", "function_url_auth_type")
    if kind == "aws_lambda_permission" and block.get("principal") == "*" and not any(map(block.get, limits)):
        yield Problem("public-policy", block.line_of("principal"), "Everyone may call the function.")


def _statements(policy: Any) -> list[dict[str, Any]]:
    if isinstance(policy, str) and not isinstance(policy, Expression) and policy.lstrip()[:1] == "{":
        try:
            policy = json.loads(policy)
        except (ValueError, RecursionError):
            return []
    found = policy.get("Statement") if isinstance(policy, dict) else None
    listed = found if isinstance(found, list) else [found]
    return [one for one in listed if isinstance(one, dict) and one.get("Effect") == "Allow"]


def _statement(statement: dict[str, Any], line: int | None) -> Iterator[Problem]:
    actions, resources = _listed(statement.get("Action")), _listed(statement.get("Resource"))
    if "*" in resources and not statement.get("Condition"):
        if "*" in actions or "*:*" in actions:
            yield Problem("wildcard-iam", line, "A statement allows every action on every resource.")
        elif services := [action for action in actions if action.endswith(":*")]:
            yield Problem("broad-iam", line, f"A statement allows {services[0][:40]} on every resource.")
    principal = statement.get("Principal")
    everyone = _listed(principal.get("AWS") if isinstance(principal, dict) else principal)
    if "*" in everyone and not statement.get("Condition"):
        if "sts:AssumeRole" in actions:
            yield Problem("rights-for-everyone", line, "Every AWS account may take the role.")
        else:
            yield Problem("public-policy", line, "A statement names everyone as principal.")


def _listed(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [] if value is None else [str(value)]


def _deprecated(kind: str, block: Block) -> Iterator[Problem]:
    if block.line is None:  # A plan shows every attribute, also those that nobody wrote.
        return
    if kind == "aws_s3_bucket":
        for name, instead in _INLINE_OF_BUCKET.items():
            if name in block.attributes or any(inner.type == name for inner in block.inner):
                inner_line = next((inner.line for inner in block.inner if inner.type == name), block.line_of(name))
                yield Problem("deprecated", inner_line, f"`{name}` inside of aws_s3_bucket; use {instead}.")
    for (owner, name), instead in _DEPRECATED.items():
        if kind == owner and name in block.attributes:
            yield Problem("deprecated", block.line_of(name), f"`{name}`; use {instead}.")


def secrets_of(block: Block, depth: int = 0) -> Iterator[Problem]:
    """Yield literal secrets, by the names of attributes and keys; never their values."""
    for name, value in block.attributes.items():
        yield from _secret(name, value, block.line_of(name), depth)
    if depth < SECRET_DEPTH:
        for inner in block.inner:
            yield from secrets_of(inner, depth + 1)


def _secret(name: str, value: Any, line: int | None, depth: int) -> Iterator[Problem]:
    if isinstance(value, dict) and depth < SECRET_DEPTH:
        for key, item in value.items():
            yield from _secret(str(key), item, line, depth + 1)
    elif isinstance(value, list) and depth < SECRET_DEPTH:
        for item in value:
            if isinstance(item, dict):
                yield from _secret(name, item, line, depth + 1)
    elif isinstance(value, str) and not isinstance(value, Expression):
        named = kind_of_name(name)
        if "<redacted:" in value or (named and is_secret(value, named, quoted=True)):
            yield Problem("hard-coded-secret", line, f"`{name[:60]}` holds a secret in the text.")
