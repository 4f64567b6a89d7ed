# Postrider's image: the sources, their dependencies, and only the permissions that it needs.
#
#   docker build -t postrider .
#   docker run -p 8000:8000 -v postrider:/data -e POSTRIDER_API_KEYS=me:a-long-secret postrider
#
# Any base with Deno in its PATH will do: --build-arg BASE=…
ARG BASE=denoland/deno:2.9.6

FROM ${BASE} AS build
ENV DENO_DIR=/deno-dir DENO_NO_UPDATE_CHECK=1
WORKDIR /app
COPY deno.json ./
COPY src/ src/
# Every file, because no file imports the entries of the threads: they are started by URL.
# --frozen: the versions and digests of the lock, which has no test tools.
RUN find src -name '*.ts' -o -name '*.tsx' | xargs deno cache --frozen --lock=src/deno.lock
RUN install -d -o 1993 -g 1993 -m 0750 /data

FROM ${BASE}
ARG VERSION=0.2.0
ARG REVISION=
LABEL org.opencontainers.image.title="Postrider" \
      org.opencontainers.image.description="Takes notifications and HTTP requests over HTTP, and delivers them reliably" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Root owns the code and the dependencies; the service can only read them.
COPY --from=build /deno-dir /deno-dir
COPY --from=build /app /app
COPY --from=build /data /data

# From here the default folder ./data is /data. The image sets no variable for it, because a
# variable and its _FILE form (a secret) may not both be set.
# The C library gives large blocks back as soon as they are freed: a mail with a large file
# would otherwise leave a hundred megabytes behind.
WORKDIR /
ENV DENO_DIR=/deno-dir \
    DENO_NO_UPDATE_CHECK=1 \
    MALLOC_MMAP_THRESHOLD_=1048576 \
    MALLOC_TRIM_THRESHOLD_=1048576 \
    POSTRIDER_HOST=0.0.0.0
USER 1993:1993
VOLUME /data
EXPOSE 8000
# SIGTERM drains. Give the stop more time than POSTRIDER_DRAIN (8 s).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["deno", "run", "--cached-only", "--no-lock", "--no-prompt", "--allow-net=127.0.0.1", "--allow-env=POSTRIDER_PORT", "--ignore-env", "/app/src/cli/health.ts"]

# Deno itself is PID 1 and receives the signals: no shell, no `deno task`, no entrypoint of the base.
#   net    all addresses but link-local ones (cloud metadata); Postrider's guard decides on the rest
#   read   its code, its data, mounted settings, templates and secrets
#   write  its data
#   env    its own settings; other variables look as if they were not set
#   sys    the host name, for the greeting of mail relays; the kind of file system
# The V8 flags save memory: see "Permissions" in src/README.md.
ENTRYPOINT []
CMD ["deno", "run", "--cached-only", "--frozen", "--lock=/app/src/deno.lock", "--no-prompt", \
     "--v8-flags=--no-allocation-site-pretenuring,--max-semi-space-size=4", \
     "--allow-net", "--deny-net=169.254.0.0/16", \
     "--allow-read=/app,/data,/etc/postrider,/run/secrets,/postrider.yaml,/templates", \
     "--allow-write=/data", \
     "--allow-env=POSTRIDER_*", "--ignore-env", \
     "--allow-sys=hostname,statfs", \
     "/app/src/main.ts"]
