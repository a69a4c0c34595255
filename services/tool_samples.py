"""Keep a small file for each tool that reads a pasted one, so that its first example can be tried at once."""

SAMPLES = {
    "k8s_manifest_lint": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:latest
          ports:
            - containerPort: 8080
""",
    "dockerfile_lint": """\
FROM python:latest
COPY . /app
RUN apt-get update
RUN apt-get install curl
RUN pip install -r /app/requirements.txt
CMD python /app/main.py
""",
    "compose_lint": """\
services:
  web:
    image: shop/web:latest
    ports: ["8080:8080"]
    depends_on: [cache]
  db:
    image: postgres:16
    privileged: true
    ports: ["5432:5432"]
""",
    "ci_lint": """\
on: pull_request_target
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          ref: ${{ github.event.pull_request.head.sha }}
      - run: echo "Testing ${{ github.event.pull_request.title }}" && make test
""",
    "terraform_review": """\
resource "aws_security_group" "db" {
  name = "db"
  ingress {
    from_port   = 5432
    to_port     = 5432
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_db_instance" "shop" {
  engine              = "postgres"
  instance_class      = "db.t3.small"
  publicly_accessible = true
  skip_final_snapshot = true
}
""",
    "log_analyze": """\
2026-03-02T09:14:01Z INFO  web started on port 8080
2026-03-02T09:14:07Z INFO  GET /cart 200 in 31 ms
2026-03-02T09:15:22Z WARN  db pool: 20 of 20 connections in use
2026-03-02T09:15:24Z ERROR GET /cart 500: timeout while waiting for a database connection
2026-03-02T09:15:25Z ERROR GET /cart 500: timeout while waiting for a database connection
2026-03-02T09:15:27Z ERROR POST /checkout 500: timeout while waiting for a database connection
2026-03-02T09:15:40Z ERROR worker 3 was killed: out of memory
2026-03-02T09:15:41Z INFO  worker 3 started
""",
}
"""By the tool's name: some lines with a few things wrong in them, worth an answer and quickly read."""
