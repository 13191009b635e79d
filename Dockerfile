# The service alone: built with everything, shipped with what it runs on, its command line among it:
#   docker run --rm roomcast roomcast --version      docker run --rm --env-file FILE roomcast roomcast check
#
# A tag moves, so the base is pinned by its digest. For a newer one: `docker buildx imagetools inspect node:24-alpine` prints
# it, and docker build --build-arg NODE_IMAGE=node:24-alpine@sha256:… takes it.
ARG NODE_IMAGE=node:24-alpine@sha256:d32cdf619f63fe0471182d08996dd516c6275bb5fd31ae06e55a570bd9e1ad43

FROM ${NODE_IMAGE} AS build
# Not empty: with the packages of OpenTelemetry, for OTEL_EXPORTER_OTLP_ENDPOINT; they are 74 MB.
ARG TRACING=
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY client/package.json client/
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev
RUN if [ -n "$TRACING" ]; then npm install --no-save --save-prod --omit=dev \
      @opentelemetry/sdk-node @fastify/otel @opentelemetry/instrumentation-ioredis; fi

FROM ${NODE_IMAGE}
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
ENV NODE_OPTIONS=--enable-source-maps
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN ln -s /app/dist/cli/roomcast.js /usr/local/bin/roomcast
USER node
EXPOSE 3000
# Alive, not ready: a container that waits for Redis must not be restarted for it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node itself gets the signal, no shell or npm in between: draining begins with it.
STOPSIGNAL SIGTERM
CMD ["node", "dist/server.js"]
