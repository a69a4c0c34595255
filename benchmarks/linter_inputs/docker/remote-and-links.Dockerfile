FROM --platform=linux/amd64 eclipse-temurin:21.0.5_11-jre-noble@sha256:2d9b4e1d0a3f9a2b9b8f3c1d7c5b6a4e3f2d1c0b9a8f7e6d5c4b3a2f1e0d9c8b AS jre
ADD --keep-git-dir=false --link https://github.com/example/config.git#v1.0.0 /config
ADD --chown=1000:1000 --unpack=true https://example.com/app.tar.gz /opt/app
COPY --link --chmod=u=rX,go=rX --chown=1000:1000 target/*.jar /opt/app/
VOLUME /data /logs
USER 1000
ENV JAVA_TOOL_OPTIONS="-XX:MaxRAMPercentage=75 -XX:+ExitOnOutOfMemoryError"
ENTRYPOINT exec java -jar /opt/app/app.jar
HEALTHCHECK --interval=1m CMD curl -fsS http://localhost:8080/health || exit 1
