# Postrider's image: the sources, their dependencies, and the fewest permissions that serve.
#
#   docker build -t postrider .
#   docker run -p 8000:8000 -v postrider:/data -e POSTRIDER_API_KEYS=me:a-long-secret postrider
#
# Another base with Deno in its PATH serves as well: --build-arg BASE=…
ARG BASE=denoland/deno:2.9.6

FROM ${BASE} AS build
ENV DENO_DIR=/deno-dir DENO_NO_UPDATE_CHECK=1
WORKDIR /app
COPY deno.json deno.lock ./
COPY src/ src/
# Every file, because the threads' entries are started by URL and imported by nobody;
# the dependencies in the versions and with the digests of the lock.
RUN find src -name '*.ts' -o -name '*.tsx' | xargs deno cache --frozen
RUN install -d -o 1993 -g 1993 -m 0750 /data

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="Postrider" \
      org.opencontainers.image.description="Takes a notification or an HTTP request, answers at once, and carries it out for certain" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Root owns the code and the dependencies, the service may only read them.
COPY --from=build /deno-dir /deno-dir
COPY --from=build /app /app
COPY --from=build /data /data

# Data goes to ./data by default, which from here is /data: so that no variable
# set in the image stands in the way of the same one given as a secret's file.
WORKDIR /
ENV DENO_DIR=/deno-dir \
    DENO_NO_UPDATE_CHECK=1 \
    POSTRIDER_HOST=0.0.0.0
USER 1993:1993
VOLUME /data
EXPOSE 8000
# SIGTERM drains; allow the stop more than POSTRIDER_DRAIN (8 s).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["deno", "run", "--cached-only", "--no-prompt", "--allow-net=127.0.0.1", "--allow-env=POSTRIDER_PORT", "--ignore-env", "/app/src/cli/health.ts"]

# Deno itself is PID 1 and gets the signals: no shell, no `deno task`, no entrypoint of the base.
#   net    anywhere, guarded by Postrider itself, but for the machines' link-local metadata
#   read   its code (threads load it), its data, mounted settings, templates and secrets
#   write  its data
#   env    its own settings; of any other variable not even the name
#   sys    the host name, with which it greets mail relays
# V8, left to itself, takes a burst of attempts for things that last, and keeps their garbage.
ENTRYPOINT []
CMD ["deno", "run", "--cached-only", "--frozen", "--no-prompt", \
     "--v8-flags=--no-allocation-site-pretenuring", \
     "--allow-net", "--deny-net=169.254.0.0/16", \
     "--allow-read=/app,/data,/etc/postrider,/run/secrets,/postrider.yaml,/templates", \
     "--allow-write=/data", \
     "--allow-env=POSTRIDER_*", "--ignore-env", \
     "--allow-sys=hostname,statfs", \
     "/app/src/main.ts"]
