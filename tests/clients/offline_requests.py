"""Hold what users write in plain words, and the calls that each message must lead to."""

from tests.clients.offline_clusters import asked

NETWORK = [
    ("TXT example.com", asked("dns_lookup", name="example.com", type="TXT")),
    ("ip of example.com", asked("dns_lookup", name="example.com")),
    ("does example.com have an ipv6 address?", asked("dns_lookup", name="example.com", type="AAAA")),
    ("is my website https://shop.example.com ok?", asked("http_check", url="https://shop.example.com")),
    ("check https://example.com", asked("http_check", url="https://example.com")),
    ("https://example.com/health", asked("http_check", url="https://example.com/health")),
    ("is example.com up?", asked("http_check", url="https://example.com")),
    ("Is https://example.com/a?b=c down", asked("http_check", url="https://example.com/a?b=c")),
    ("ping api.example.com:8443/health", asked("http_check", url="https://api.example.com:8443/health")),
    ("what is the status of http://example.com.", asked("http_check", url="http://example.com")),
    ("HEAD https://example.com", asked("http_check", url="https://example.com", method="HEAD")),
    ("curl -I https://example.com", asked("http_check", url="https://example.com", method="HEAD")),
    ("where does http://example.com redirect?", asked("http_check", url="http://example.com")),
    ("how fast is example.com", asked("http_check", url="https://example.com")),
    (
        "check https://a.example.com and https://b.example.com",
        asked("http_check", url="https://a.example.com") + asked("http_check", url="https://b.example.com"),
    ),
    ("check the certificate of example.com", asked("tls_inspect", host="example.com")),
    (
        "when does the cert for api.example.com:8443 expire",
        asked("tls_inspect", host="api.example.com", port=8443),
    ),
    ("check the certificate of 192.0.2.7:8443", asked("tls_inspect", host="192.0.2.7", port=8443)),
    ("check the certificate of 192.0.2.7", asked("tls_inspect", host="192.0.2.7")),
    ("check the certificate of localhost:8443", asked("tls_inspect", host="localhost", port=8443)),
    ("is localhost:5000/health up?", asked("http_check", url="https://localhost:5000/health")),
    ("check 192.0.2.7:8080", asked("http_check", url="https://192.0.2.7:8080")),
    ("tls https://example.com:444/x", asked("tls_inspect", host="example.com", port=444)),
    ("is the SSL certificate of example.com valid?", asked("tls_inspect", host="example.com")),
    ("dns example.com MX", asked("dns_lookup", name="example.com", type="MX")),
    ("dig +short example.com txt", asked("dns_lookup", name="example.com", type="TXT")),
    ("which IP does example.com have", asked("dns_lookup", name="example.com")),
    ("resolve example.com", asked("dns_lookup", name="example.com")),
    ("MX records of example.com", asked("dns_lookup", name="example.com", type="MX")),
    ("what are the mail servers of example.com?", asked("dns_lookup", name="example.com", type="MX")),
    ("nameservers of example.com", asked("dns_lookup", name="example.com", type="NS")),
    ("spf of example.com", asked("dns_lookup", name="example.com", type="TXT")),
    ("dmarc of example.com", asked("dns_lookup", name="_dmarc.example.com", type="TXT")),
    ("AAAA record for www.example.com", asked("dns_lookup", name="www.example.com", type="AAAA")),
    ("nslookup example.com", asked("dns_lookup", name="example.com")),
    ("mx for example.com", asked("dns_lookup", name="example.com", type="MX")),
    ("mx example.com", asked("dns_lookup", name="example.com", type="MX")),
    ("example.com mx", asked("dns_lookup", name="example.com", type="MX")),
    ("cname for www.example.com", asked("dns_lookup", name="www.example.com", type="CNAME")),
    ("ns of example.com", asked("dns_lookup", name="example.com", type="NS")),
    (
        "mx and txt of example.com",
        asked("dns_lookup", name="example.com", type="MX") + asked("dns_lookup", name="example.com", type="TXT"),
    ),
    ("is mx.example.com up", asked("http_check", url="https://mx.example.com")),
    ("check ssl on shop.example.com port 8443", asked("tls_inspect", host="shop.example.com", port=8443)),
    (
        "check the certificates of example.com on ports 443 and 8443",
        asked("tls_inspect", host="example.com", port=443) + asked("tls_inspect", host="example.com", port=8443),
    ),
    ("check http://example.com on port 8080", asked("http_check", url="http://example.com:8080")),
    ("check http://example.com/a on port 8080", asked("http_check", url="http://example.com:8080/a")),
    ("check https://example.com:8443 on port 8443", asked("http_check", url="https://example.com:8443")),
    ("is port 443 open on example.com", asked("http_check", url="https://example.com:443")),
    ("why does example.com return 502", asked("http_check", url="https://example.com")),
]
DOCKERFILE = "FROM python:latest\nRUN pip install flask"
MANIFEST = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web"
COMPOSE = "services:\n  web:\n    image: nginx"
WORKFLOW = "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make"
GITLAB = "stages: [build]\nbuild:\n  stage: build\n  script:\n    - make"
TERRAFORM = 'resource "aws_s3_bucket" "logs" {\n  bucket = "logs"\n}'
PLAN = '{"format_version": "1.2", "terraform_version": "1.9.0", "resource_changes": []}'
LOGS = "2026-01-01T10:00:00Z INFO start\n2026-01-01T10:00:01Z ERROR lost the database"
TRACE = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: x'
PASTED = [
    (f"why does this crash?\n{TRACE}", asked("log_analyze", text=TRACE)),
    (f"lint this Dockerfile: {DOCKERFILE}", asked("dockerfile_lint", dockerfile=DOCKERFILE)),
    ("lint this Dockerfile: FROM python:latest", asked("dockerfile_lint", dockerfile="FROM python:latest")),
    ("lint FROM python:latest", asked("dockerfile_lint", dockerfile="FROM python:latest")),
    (DOCKERFILE, asked("dockerfile_lint", dockerfile=DOCKERFILE)),
    ("FROM alpine", asked("dockerfile_lint", dockerfile="FROM alpine")),
    (f"what do you think?\n\n{DOCKERFILE}", asked("dockerfile_lint", dockerfile=DOCKERFILE)),
    (f"review\n```dockerfile\n{DOCKERFILE}\n```", asked("dockerfile_lint", dockerfile=DOCKERFILE)),
    (f"```\n{DOCKERFILE}\n```\nis this good?", asked("dockerfile_lint", dockerfile=DOCKERFILE)),
    (f"~~~\n{DOCKERFILE}\n~~~", asked("dockerfile_lint", dockerfile=DOCKERFILE)),
    (f"check my dockerfile\n{DOCKERFILE.lower()}", asked("dockerfile_lint", dockerfile=DOCKERFILE.lower())),
    ("lint ```FROM alpine``` please", asked("dockerfile_lint", dockerfile="FROM alpine")),
    (
        f"# syntax=docker/dockerfile:1\n{DOCKERFILE}",
        asked("dockerfile_lint", dockerfile=f"# syntax=docker/dockerfile:1\n{DOCKERFILE}"),
    ),
    (f"ARG TAG=1\n{DOCKERFILE}", asked("dockerfile_lint", dockerfile=f"ARG TAG=1\n{DOCKERFILE}")),
    (MANIFEST, asked("k8s_manifest_lint", manifest=MANIFEST)),
    (
        f"is this manifest ok for Kubernetes 1.31?\n{MANIFEST}",
        asked("k8s_manifest_lint", manifest=MANIFEST, version="1.31"),
    ),
    (f"check this:\n```yaml\n{MANIFEST}\n```", asked("k8s_manifest_lint", manifest=MANIFEST)),
    (f"---\n{MANIFEST}", asked("k8s_manifest_lint", manifest=f"---\n{MANIFEST}")),
    (
        'lint {"apiVersion": "v1", "kind": "Pod"}',
        asked("k8s_manifest_lint", manifest='{"apiVersion": "v1", "kind": "Pod"}'),
    ),
    (COMPOSE, asked("compose_lint", compose=COMPOSE)),
    (f"lint my compose file:\n{COMPOSE}", asked("compose_lint", compose=COMPOSE)),
    (f"```yaml\n{COMPOSE}\n```", asked("compose_lint", compose=COMPOSE)),
    (WORKFLOW, asked("ci_lint", workflow=WORKFLOW, kind="github")),
    (f"review this GitHub workflow:\n{WORKFLOW}", asked("ci_lint", workflow=WORKFLOW, kind="github")),
    (GITLAB, asked("ci_lint", workflow=GITLAB, kind="gitlab")),
    (
        "lint this gitlab pipeline:\nbuild:\n  script: [make]",
        asked("ci_lint", workflow="build:\n  script: [make]", kind="gitlab"),
    ),
    (TERRAFORM, asked("terraform_review", source=TERRAFORM)),
    (f"review this terraform {TERRAFORM}", asked("terraform_review", source=TERRAFORM)),
    (f"review this terraform plan: {PLAN}", asked("terraform_review", source=PLAN)),
    (PLAN, asked("terraform_review", source=PLAN)),
    (
        "review this terraform:\n```hcl\nlocals {\n  a = 1\n}\n```",
        asked("terraform_review", source="locals {\n  a = 1\n}"),
    ),
    (LOGS, asked("log_analyze", text=LOGS)),
    (f"analyze these logs: {LOGS}", asked("log_analyze", text=LOGS)),
    (f"what went wrong here?\n{LOGS}", asked("log_analyze", text=LOGS)),
    ("analyze these logs:\nsomething odd\nsomething else", asked("log_analyze", text="something odd\nsomething else")),
    ("scan this for secrets: password = hunter2", asked("secret_scan", text="password = hunter2")),
    ("scan this for secrets\npassword = hunter2\nx", asked("secret_scan", text="password = hunter2\nx")),
    ("are there any secrets in this: a=b", asked("secret_scan", text="a=b")),
    (f"does this contain credentials?\n```\n{DOCKERFILE}\n```", asked("secret_scan", text=DOCKERFILE)),
    (
        f"lint these:\n```\n{DOCKERFILE}\n```\nand\n```\n{COMPOSE}\n```",
        asked("dockerfile_lint", dockerfile=DOCKERFILE) + asked("compose_lint", compose=COMPOSE),
    ),
    ("explain this:\n```\n*/5 * * * *\n```", asked("cron_explain", expression="*/5 * * * *")),
    ("which of these overlap: 10.0.0.0/8, 10.1.0.0/16", asked("cidr_calc", cidrs=["10.0.0.0/8", "10.1.0.0/16"])),
]
ORDERS = [
    ("scale deployment web to 5 in namespace shop", asked("k8s_scale", deployment="web", replicas=5, namespace="shop")),
    ("Please scale the deployment web up to 5 replicas.", asked("k8s_scale", deployment="web", replicas=5)),
    ("scale the web deployment in shop to zero", asked("k8s_scale", deployment="web", replicas=0, namespace="shop")),
    (
        "scale deployment/web to 3 -n shop on cluster prod",
        asked("k8s_scale", deployment="web", replicas=3, namespace="shop", connection="prod"),
    ),
    ("set the replicas of deployment web to 2", asked("k8s_scale", deployment="web", replicas=2)),
    ("set web in shop to 3 replicas", asked("k8s_scale", deployment="web", replicas=3, namespace="shop")),
    ("kubectl scale deployment/web --replicas=5", asked("k8s_scale", deployment="web", replicas=5)),
    (
        "kubectl scale deploy web --replicas 0 -n shop",
        asked("k8s_scale", deployment="web", replicas=0, namespace="shop"),
    ),
    ("restart deployment web -n shop", asked("k8s_restart", deployment="web", namespace="shop")),
    ("restart the web deployment in shop please", asked("k8s_restart", deployment="web", namespace="shop")),
    ("roll the pods of web in shop", asked("k8s_restart", deployment="web", namespace="shop")),
    ("kubectl rollout restart deploy/web", asked("k8s_restart", deployment="web")),
    (
        "deploy workflow deploy.yml of owner/repo on main with environment=production",
        asked(
            "github_deploy", repo="owner/repo", workflow="deploy.yml", ref="main", inputs={"environment": "production"}
        ),
    ),
    (
        'run deploy.yml of owner/repo on branch release/1.2 with a=1, b="x y" and c=3',
        asked(
            "github_deploy",
            repo="owner/repo",
            workflow="deploy.yml",
            ref="release/1.2",
            inputs={"a": "1", "b": "x y", "c": "3"},
        ),
    ),
    (
        "roll out deploy.yml of owner/repo on main",
        asked("github_deploy", repo="owner/repo", workflow="deploy.yml", ref="main"),
    ),
    (
        "trigger the workflow release.yaml in owner/repo at v1.2.3",
        asked("github_deploy", repo="owner/repo", workflow="release.yaml", ref="v1.2.3"),
    ),
    (
        "scale down the web deployment to 2 in namespace shop",
        asked("k8s_scale", deployment="web", replicas=2, namespace="shop"),
    ),
]
ORDERS += [
    (
        "start deploy.yml of owner/repo at tag nightly",
        asked("github_deploy", repo="owner/repo", workflow="deploy.yml", ref="nightly"),
    ),
    (
        "run deploy.yml for the branch main of owner/repo",
        asked("github_deploy", repo="owner/repo", workflow="deploy.yml", ref="main"),
    ),
    (
        "Deploy acme/shop with deploy.yml on main, environment production",
        asked(
            "github_deploy", repo="acme/shop", workflow="deploy.yml", ref="main", inputs={"environment": "production"}
        ),
    ),
]
GITHUB = [
    ("why did the last build of owner/repo fail", asked("github_runs", repo="owner/repo")),
    ("github runs of owner/repo", asked("github_runs", repo="owner/repo")),
    ("show the last 10 runs of owner/repo", asked("github_runs", repo="owner/repo", limit=10)),
    ("is CI of https://github.com/owner/repo green?", asked("github_runs", repo="owner/repo")),
    ("did the pipeline of owner/repo.js pass on main?", asked("github_runs", repo="owner/repo.js", branch="main")),
    ("builds of owner/repo on connection work", asked("github_runs", repo="owner/repo", connection="work")),
    ("check https://github.com/owner/repo/actions", asked("github_runs", repo="owner/repo")),
    ("is acme/shop green", asked("github_runs", repo="acme/shop")),
    ("why did acme/shop fail", asked("github_runs", repo="acme/shop")),
    ("is acme/shop passing on main?", asked("github_runs", repo="acme/shop", branch="main")),
    ("is acme/shop green on branch release/1.2", asked("github_runs", repo="acme/shop", branch="release/1.2")),
    ("did acme/shop pass again", asked("github_runs", repo="acme/shop")),
]
METRICS = [
    ("Ask Prometheus for up == 0", asked("promql_query", expr="up == 0")),
    (
        "How did rate(http_requests_total[5m]) go over the last 6 hours?",
        asked("promql_query", expr="rate(http_requests_total[5m])", start="now-6h"),
    ),
    (
        'Show the errors of {app="web"} in Loki',
        asked("loki_query", expr='{app="web"} |~ "(?i)error"'),
    ),
    (
        'How many lines per minute has {app="web"} in Loki over the last 6 hours?',
        asked("loki_query", expr='sum(count_over_time({app="web"} [1m]))', start="now-6h"),
    ),
    ("promql up == 0 over the last hour", asked("promql_query", expr="up == 0", start="now-1h")),
    ("query prometheus: sum by (job) (up)", asked("promql_query", expr="sum by (job) (up)")),
    (
        "prometheus rate(http_requests_total[5m]) last 30m",
        asked("promql_query", expr="rate(http_requests_total[5m])", start="now-30m"),
    ),
    ("rate(http_requests_total[5m])", asked("promql_query", expr="rate(http_requests_total[5m])")),
    (
        "graph sum(rate(x[5m])) over the last 6 hours with step 5m",
        asked("promql_query", expr="sum(rate(x[5m]))", start="now-6h", step="5m"),
    ),
    (
        "promql: `up` from 2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z",
        asked("promql_query", expr="up", start="2026-01-01T00:00:00Z", end="2026-01-02T00:00:00Z"),
    ),
    ("promql up on connection prom-eu", asked("promql_query", expr="up", connection="prom-eu")),
    ("query prometheus:\n```\nup == 0\n```", asked("promql_query", expr="up == 0")),
    ('loki {app="web"} |= "error" last 30m', asked("loki_query", expr='{app="web"} |= "error"', start="now-30m")),
    (
        '{app="web"} |= "scale deployment web to 5" since 2h',
        asked("loki_query", expr='{app="web"} |= "scale deployment web to 5"', start="now-2h"),
    ),
    (
        'query loki: sum(rate({app="web"} |= "x" [5m])) over the past 2 days',
        asked("loki_query", expr='sum(rate({app="web"} |= "x" [5m]))', start="now-2d"),
    ),
    (
        'count errors in {app="web"} over the last 3 hours',
        asked("loki_query", expr='sum(count_over_time({app="web"} |~ "(?i)error" [1m]))', start="now-3h"),
    ),
    ("promql sum by (job) (errors) > bool 1", asked("promql_query", expr="sum by (job) (errors) > bool 1")),
    ("promql a and on (job) b offset 5m", asked("promql_query", expr="a and on (job) b offset 5m")),
    (
        'loki sum by (app) (rate({app="web"} | json | line_format "{{.a}}" [5m]))',
        asked("loki_query", expr='sum by (app) (rate({app="web"} | json | line_format "{{.a}}" [5m]))'),
    ),
]
AWS = [
    ("aws instances in eu-west-1", asked("aws_read", report="instances", region="eu-west-1")),
    ("which ec2 instances are running?", asked("aws_read", report="instances")),
    ("are my buckets public", asked("aws_read", report="buckets")),
    ("which S3 buckets are public?", asked("aws_read", report="buckets")),
    ("which alarms are firing", asked("aws_read", report="alarms")),
    ("any cloudwatch alarms in us-east-1?", asked("aws_read", report="alarms", region="us-east-1")),
    ("ecs services", asked("aws_read", report="services")),
    (
        "list ecs services in us-gov-west-1 using work",
        asked("aws_read", report="services", region="us-gov-west-1", connection="work"),
    ),
    (
        "list ec2 instances in eu-west-1, not us-east-1",
        asked("aws_read", report="instances", region="eu-west-1"),
    ),
    (
        "list ec2 instances in eu-west-1 but not in us-east-1 or us-east-2",
        asked("aws_read", report="instances", region="eu-west-1"),
    ),
    (
        "which ec2 instances are not running in eu-west-1",
        asked("aws_read", report="instances", region="eu-west-1"),
    ),
    (
        "ec2 instances in us-east-1 and eu-west-1",
        asked("aws_read", report="instances", region="us-east-1")
        + asked("aws_read", report="instances", region="eu-west-1"),
    ),
]
