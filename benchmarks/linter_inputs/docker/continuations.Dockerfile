# A comment first, so the directive below is only a comment.
# escape=`
from alpine:3.21.0 as Base
run apk add --no-cache \
# comments and

    curl=8.11.1-r0 \
    # empty lines do not end an instruction
    tini=0.19.0-r3
env A=1 \
    B="two words" C='single' \
    D=esc\ aped
Env LEGACY value with spaces
label multi.line="first \
second" other=x
volume ["/data"]
add --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.com/file.tar.gz /opt/
user 1000:1000
entrypoint ["/sbin/tini", "--"]
cmd ["sh", "-c", "echo \"$A\" && exec sleep 1d"]
healthcheck cmd ["true"]
