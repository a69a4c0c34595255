ARG NODE=22.12.0
ARG VARIANT=production
FROM node:${NODE}-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
FROM dependencies AS builder-development
ENV NODE_ENV=development
FROM dependencies AS builder-production
ENV NODE_ENV=production
COPY . .
RUN npm run build
FROM builder-${VARIANT} AS chosen
FROM nginxinc/nginx-unprivileged:1.27.3-alpine AS runtime
ARG VARIANT
LABEL org.opencontainers.image.source="https://example.com/app" \
      variant="${VARIANT:-none}"
COPY --from=chosen --chown=101:101 /app/dist /usr/share/nginx/html
COPY --from=0 /app/package.json /meta/
EXPOSE 8080/tcp
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 CMD ["wget", "-qO-", "http://127.0.0.1:8080/"]
STOPSIGNAL SIGQUIT
USER 101
