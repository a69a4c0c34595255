"""Hold results of every tool in the shape of its `data`, and words that an answer from them must have in it."""

from typing import Any

FINDING = {
    "rule": "latest-tag",
    "severity": "error",
    "message": "The image `python:latest` has no fixed version.",
    "why": "Every build may bring another one.",
    "fix": "FROM python:3.12-slim",
    "line": 1,
    "path": "FROM",
}
HINT = {**FINDING, "rule": "no-user", "severity": "info", "message": "It runs as root.", "line": 7}
FOUND = {"counts": {"error": 1, "warning": 0, "info": 1}, "findings": [FINDING, HINT], "not_listed": 0}
NONE = {"counts": {"error": 0, "warning": 0, "info": 0}, "findings": [], "not_listed": 0}
LINTED = ["1 error, 1 hint", "latest-tag", "line 1", "`python:latest`", "Fix: FROM python"]
HTTP = {
    "reachable": True,
    "url": "https://example.com/",
    "method": "GET",
    "status": 200,
    "http_version": "HTTP/2",
    "address": "93.184.216.34",
    "timings_ms": {"dns": 5.0, "connect": 10.2, "tls": 20.0, "first_byte": 50.0, "total": 90.1},
    "headers": {"server": "nginx", "content-type": "text/html"},
    "cookies": [],
    "content_type": "text/html",
    "content_length": 12,
    "bytes_read": 12,
    "body_start": "<html>hello",
    "total_ms": 120.4,
    "redirects": [
        {
            "status": 301,
            "url": "http://example.com/",
            "location": "https://example.com/",
            "address": "93.184.216.34",
            "ms": 30.0,
        }
    ],
    **NONE,
}
TLS = {
    "reachable": True,
    "host": "example.com",
    "port": 443,
    "address": "93.184.216.34",
    "protocol": "TLSv1.3",
    "cipher": "TLS_AES_256_GCM_SHA384",
    "older_protocols": [],
    "trusted": True,
    "problem": None,
    "name_matches": True,
    "certificate": {
        "subject": "CN=example.com",
        "issuer": "CN=R3,O=Let's Encrypt",
        "names": ["example.com", "www.example.com"],
        "names_not_listed": 0,
        "serial": "01",
        "not_before": "2026-10-01T00:00:00+00:00",
        "not_after": "2026-12-30T00:00:00+00:00",
        "days_left": 37,
        "key": {"type": "RSA", "size": 2048},
        "signature_algorithm": "sha256",
        "self_signed": False,
    },
    "chain": [{"subject": "CN=R3", "issuer": "CN=ISRG Root X1", "not_after": "2030-01-01", "days_left": 1000}],
    "chain_length": 2,
    **NONE,
}
DNS = {
    "name": "example.com",
    "type": "MX",
    "status": "NOERROR",
    "canonical": "example.com",
    "aliases": [],
    "ttl": 300,
    "records": ["10 mail.example.com."],
    "records_not_listed": 2,
    "withheld": 1,
    "withheld_kinds": ["private"],
    "dnssec_validated": False,
    **NONE,
}
PODS = {
    "cluster": "prod",
    "kind": "pods",
    "namespace": "shop",
    "columns": ["name", "ready", "status", "restarts", "node", "age"],
    "rows": [["web-1", "0/1", "CrashLoopBackOff", 12, "node-1", "3d"], ["web-2", "1/1", "Running", 0, "node-2", "3d"]],
    "count": 2,
    "not_shown": 3,
}
POD = {
    "cluster": "prod",
    "kind": "Pod",
    "object": {"metadata": {"name": "web-1", "namespace": "shop"}, "spec": {"nodeName": "node-1"}},
    "events": [{"last_seen": "3m", "type": "Warning", "reason": "BackOff", "message": "Back-off restarting"}],
    "events_not_shown": 0,
}
LOG = {
    "cluster": "prod",
    "namespace": "shop",
    "pod": "web-1",
    "container": "app",
    "previous": True,
    "pod_status": "CrashLoopBackOff",
    "restarts": 12,
    "lines": 2,
    "lines_left_out": 5,
    "log": "starting\npanic: no database",
}
DIAGNOSIS = {
    "cluster": "prod",
    "kind": "Deployment",
    "name": "web",
    "namespace": "shop",
    "healthy": False,
    "causes": [
        {
            "cause": "Container `app` is killed because it needs more memory than its limit.",
            "severity": "critical",
            "confidence": "high",
            "evidence": [{"from": "Pod web-1 status", "fact": "OOMKilled, exit code 137"}],
            "fix": "Raise resources.limits.memory of `app`.",
        }
    ],
    "causes_not_shown": 0,
    "facts": {"replicas": 2},
    "looked_at": ["Deployment web", "pods with app=web"],
    "could_not_look_at": ["resourcequotas: forbidden"],
}
SCALED = {
    "cluster": "prod",
    "deployment": "web",
    "namespace": "shop",
    "before": {"replicas": 2, "ready": 2},
    "after": {"replicas": 5, "ready": 2},
    "rollout": "going on: 5 of 5 pods are updated, 2 ready",
}
RUN = {
    "id": 1,
    "number": 42,
    "workflow": "build",
    "title": "Fix it",
    "event": "push",
    "branch": "main",
    "sha": "0123456789ab",
    "actor": "octocat",
    "attempt": 1,
    "status": "completed",
    "conclusion": "failure",
    "started": "2026-01-01T10:00:00Z",
    "seconds": 90,
    "url": "https://github.com/owner/repo/actions/runs/1",
    "failed_jobs": [
        {
            "name": "test",
            "conclusion": "failure",
            "failed_steps": ["3 Run tests"],
            "runner": "r",
            "seconds": 80,
            "url": "https://github.com/owner/repo/actions/runs/1/job/2",
            "log": {
                "lines": 100,
                "errors": ["Process completed with exit code 1."],
                "likely_causes": ["E assert 1 == 2"],
                "tail": "E assert 1 == 2\nProcess completed with exit code 1.",
            },
        }
    ],
}
SERIES = {
    "expr": "up == 0",
    "start": "2026-01-01T10:00:00Z",
    "end": "2026-01-01T11:00:00Z",
    "step_seconds": 15,
    "type": "matrix",
    "series_count": 1,
    "series": [
        {
            "labels": {"__name__": "up", "job": "web"},
            "points": 240,
            "first": 1,
            "last": 0,
            "min": 0,
            "max": 1,
            "max_at": "2026-01-01T10:00:00Z",
            "avg": 0.5,
            "trend": "down 100%",
            "last_at": "2026-01-01T11:00:00Z",
            "spikes": [{"at": "2026-01-01T10:30:00Z", "value": 9}],
        }
    ],
}
STREAMS = {
    "expr": '{app="web"}',
    "start": "2026-01-01T10:00:00Z",
    "end": "2026-01-01T11:00:00Z",
    "type": "streams",
    "stream_count": 2,
    "line_count": 2,
    "streams": [{"labels": {"app": "web"}, "lines": 1}, {"labels": {"app": "web", "pod": "b"}, "lines": 1}],
    "patterns": [{"pattern": "lost <*>", "lines": 2}],
    "lines": [{"at": "2026-01-01T10:30:00.000Z", "line": "lost 5", "stream": "pod=b"}],
    "lines_not_listed": 1,
}
BUCKETS = {
    "report": "buckets",
    "region": "eu-west-1",
    "count": 2,
    "checked": 2,
    "account_block": "none",
    "buckets": [
        {"name": "logs", "region": "eu-west-1", "public": "yes", "bucket_block": "none", "encryption": "AES256"},
        {"name": "data", "region": "eu-west-1", "public": "unknown", "bucket_block": "all", "encryption": "none"},
    ],
    "counts": {"error": 1, "warning": 0, "info": 0},
    "findings": [{**FINDING, "message": "The bucket logs is public by its policy."}],
    "findings_not_listed": 0,
    "not_allowed": ["s3:GetBucketAcl"],
}
ALARMS = {
    "report": "alarms",
    "region": "eu-west-1",
    "count": 1,
    "alarms": [{"name": "cpu-high", "since": "2026-01-01 10:00", "reason": "too high", "metric": "AWS/EC2/CPU"}],
    "without_data": 2,
    "without_data_names": ["a"],
    **NONE,
}
INSTANCES = {
    "report": "instances",
    "region": "eu-west-1",
    "count": 1,
    "states": {"running": 1},
    "instances": [{"id": "i-1", "name": "web", "type": "t3.micro", "state": "running", "public_ip": "1.2.3.4"}],
    **NONE,
}
SERVICES = {
    "report": "services",
    "region": "eu-west-1",
    "clusters": ["prod"],
    "count": 1,
    "services": [{"cluster": "prod", "service": "web", "status": "ACTIVE", "desired": 3, "running": 1, "pending": 0}],
    **NONE,
}
CRON = {
    "expression": "*/5 * * * *",
    "words": "Every 5 minutes.",
    "tz": "UTC",
    "next_runs": [{"local": "2026-01-01T10:00+00:00", "utc": "2026-01-01T10:00Z", "weekday": "Thursday"}],
    "warnings": ["Uneven."],
}
CIDR = {
    "count": 1,
    "networks": [
        {
            "input": "10.0.0.5/24",
            "network": "10.0.0.0/24",
            "host_bits_set": True,
            "netmask": "255.255.255.0",
            "first": "10.0.0.0",
            "last": "10.0.0.255",
            "first_usable": "10.0.0.1",
            "last_usable": "10.0.0.254",
            "usable_hosts": 254,
            "addresses": 256,
            "kind": "private",
            "wildcard": "0.0.0.255",
        }
    ],
    "overlap_count": 0,
    "overlaps": [],
    "collapsed_count": 1,
    "collapsed": ["10.0.0.0/24"],
}
NO_PODS = {**PODS, "rows": [], "columns": [], "count": 0, "not_shown": 0}
DOWN = {"reachable": False, "url": "https://x.example", "problem": "The name does not exist.", **FOUND}
STARTED = {"repo": "o/r", "workflow": "deploy.yml", "ref": "main", "sha": "0" * 40, "inputs": {"a": "b"}, "run_id": 7}

LINE = {"template": "lost <*>", "count": 9, "level": "error", "first": "10:00", "last": "10:05", "first_line": 3}
LOGS = {
    "lines": 20,
    "entries": 12,
    "span": {"first": "2026-01-01T10:00:00", "last": "2026-01-01T10:05:00", "seconds": 300, "zone": "UTC"},
    "levels": {"fatal": 1, "error": 9, "info": 2},
    "templates_total": 3,
    "templates": [{**LINE, "example": "lost 5"}],
    "templates_not_listed": 2,
    "error_spikes": [{"start": "2026-01-01T10:04:00", "seconds": 60, "errors": 8, "usual": 1.0, "factor": 8.0}],
    "new_at_the_end": [{**LINE, "example": "no space left"}],
    "stack_traces": [{"exception": "ValueError: x", "language": "python", "count": 2, "line": 7, "frames": ["a.py:1"]}],
    **FOUND,
}
PLAN = {
    "kind": "plan",
    "terraform_version": "1.9.0",
    "counts_of_actions": {"create": 1, "update": 1, "replace": 0, "destroy": 1, "forget": 0},
    "destroyed_or_replaced": [{"address": "aws_db_instance.main", "action": "destroy", "data_loss": True}],
    "updated": [{"address": "a.b", "attributes": [{"name": "size", "before": "1", "after": "2"}]}],
    "created": ["c.d"],
    "not_shown": 0,
    **FOUND,
}
CODE = {"kind": "code", "resource_count": 2, "resources": ["a.b", "a.c"], "types": {"aws_s3_bucket": 2}, **FOUND}

RESULTS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("http_check", HTTP, ["**Yes**", "**200** in 120 ms", "redirected 1 time", "301", "first byte 50 ms", "`server`"]),
    ("http_check", {**HTTP, "status": 503}, ["answers with an error", "**503**", "<html>hello"]),
    ("http_check", DOWN, ["**No**", "The name does not exist", "latest-tag"]),
    ("tls_inspect", TLS, ["valid for **37 more days**", "is trusted", "2026-12-30", "`www.example.com`", "TLSv1.3"]),
    (
        "tls_inspect",
        {**TLS, "trusted": False, "problem": "certificate has expired", "certificate": {"days_left": -3}},
        ["**expired 3 days ago**", "**not trusted**: certificate has expired"],
    ),
    (
        "tls_inspect",
        {"reachable": False, "host": "x", "port": 444, "problem": "No TLS.", **NONE},
        ["`x:444`", "No TLS"],
    ),
    (
        "dns_lookup",
        DNS,
        ["**1 MX record**", "TTL 300 s", "`10 mail.example.com.`", "and 2 more", "1 record in a private"],
    ),
    ("dns_lookup", {**DNS, "records": [], "status": "NXDOMAIN"}, ["does not exist", "NXDOMAIN"]),
    ("dns_lookup", {**DNS, "records": [], "status": "NODATA"}, ["**no MX records**"]),
    ("dns_lookup", {**DNS, "records": [], "status": "SERVFAIL"}, ["**no answer**", "SERVFAIL"]),
    ("dockerfile_lint", FOUND, LINTED),
    ("dockerfile_lint", NONE, ["Nothing to complain about"]),
    ("compose_lint", {**FOUND, "services": ["web", "db"]}, [*LINTED, "in `web`, `db`"]),
    ("ci_lint", {**FOUND, "kind": "github"}, LINTED),
    ("k8s_manifest_lint", {**FOUND, "version": "1.31", "kinds": {"Pod": 2}}, [*LINTED, "2 `Pod`", "`1.31`"]),
    ("k8s_manifest_lint", {**FOUND, "not_listed": 7}, ["1 error", "2 of the 9 are in the tool's row"]),
    ("secret_scan", {**FOUND, "lines": 3, "kinds": ["aws-key"]}, LINTED),
    ("secret_scan", {**NONE, "lines": 3, "kinds": []}, ["**No secrets found** in 3 lines"]),
    ("k8s_get", PODS, ["**2 pods** in namespace `shop` on `prod`", "`CrashLoopBackOff`", "and 3 more"]),
    ("k8s_get", NO_PODS, ["**No pods** in namespace `shop`"]),
    ("k8s_get", POD, ["**Pod `web-1`** in namespace `shop`", '"nodeName": "node-1"', "`BackOff`"]),
    (
        "k8s_logs",
        LOG,
        ["The run before the last restart of `web-1`", "12 restarts", "5 more before", "panic: no database"],
    ),
    ("k8s_logs", {**LOG, "log": ""}, ["The log is empty."]),
    (
        "k8s_diagnose",
        DIAGNOSIS,
        [
            "1 likely cause",
            "`app` is killed",
            "critical, confidence high",
            "`OOMKilled, exit code 137`",
            "What to do: Raise",
        ],
    ),
    ("k8s_diagnose", {**DIAGNOSIS, "healthy": True, "causes": []}, ["looks healthy"]),
    (
        "k8s_diagnose",
        {**DIAGNOSIS, "facts": {"note": "There is no pod web; this is the deployment web."}},
        ["1 likely cause", "There is no pod web; this is the deployment web.", "is killed"],
    ),
    ("k8s_diagnose", {**DIAGNOSIS, "healthy": None}, ["No cause was found", "as far as could be seen"]),
    ("k8s_scale", SCALED, ["**Done:**", "from 2 to 5 replicas", "going on: 5 of 5"]),
    ("k8s_restart", SCALED, ["**Done:**", "restart of deployment `web`", "has begun"]),
    (
        "github_runs",
        {"repo": "o/r", "total": 9, "runs": [RUN]},
        ["**failure**", "Of 1 run, 1 failed", "`3 Run tests`"],
    ),
    ("github_runs", {"repo": "o/r", "total": 0, "runs": []}, ["**no workflow runs**"]),
    ("github_deploy", STARTED, ["**Done:** started run `7`", "`deploy.yml`", "`main`"]),
    ("promql_query", SERIES, ["**1 series** for `up == 0`", '`up{job="web"}`', "down 100%", "Spikes", "9 at 2026"]),
    (
        "promql_query",
        {"expr": "x", "series_count": 0, "series": [], "explanation": "No x."},
        ["**No series**", "No x."],
    ),
    ("promql_query", {"expr": "1+1", "type": "scalar", "value": 2}, ["`1+1` is **2**"]),
    ("loki_query", STREAMS, ["**2 lines in 2 streams**", "2 × `lost <*>`", "lost 5"]),
    ("loki_query", {**STREAMS, "line_count": 0, "explanation": "No label."}, ["**No lines**", "No label."]),
    ("aws_read", BUCKETS, ["**Yes, 1 of 2 buckets is public:** `logs`", "is public by its policy", "GetBucketAcl"]),
    ("aws_read", ALARMS, ["**1 alarm firing** in `eu-west-1`", "2 alarms without data", "`cpu-high`"]),
    ("aws_read", INSTANCES, ["**1 instance** in `eu-west-1`", "1 running", "`i-1`"]),
    ("aws_read", SERVICES, ["**1 ECS service**", "fewer tasks", "`web`"]),
    ("aws_read", {**BUCKETS, "count": 0, "note": "The key may not."}, ["**The key may not.**", "s3:GetBucketAcl"]),
    (
        "terraform_review",
        PLAN,
        ["1 to create, 1 to update, 1 to destroy", "**Data would be lost.**", "aws_db_instance", "`2`"],
    ),
    ("terraform_review", CODE, [*LINTED, "2 resources: 2 × `aws_s3_bucket`"]),
    (
        "dockerfile_lint",
        {**FOUND, "stages": 2, "base_images": ["python:latest"]},
        [*LINTED, "built on `python:latest`"],
    ),
    (
        "log_analyze",
        LOGS,
        [
            "**10 errors** in 12 entries",
            "2 info",
            "Likely causes",
            "**8 errors** within 60 s",
            "no space left",
            "a.py:1",
        ],
    ),
    ("cron_explain", CRON, ["**Every 5 minutes.**", "| day | UTC |", "Watch out", "Uneven"]),
    ("cidr_calc", CIDR, ["has host bits set", "254", "private"]),
]
