# One image for web, worker, beat and migrations; the compose file says which it is.
FROM python:3.11-slim-bookworm AS packages
COPY requirements/run.txt /tmp/run.txt
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r /tmp/run.txt

FROM python:3.11-slim-bookworm
# For PDFs: WeasyPrint loads these; the last one makes fonts small and pages fast.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --create-home postmortem \
    && install -d -o postmortem -g postmortem -m 0700 /data
COPY --from=packages /venv /venv
COPY . /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENV STATIC_ROOT=/static STATIC_COLLECTED=true
# Hashed and compressed once, here, and not at every start; what two packages bring for
# pages that are not served here stays out.
RUN DATA_DIR=/tmp/build python manage.py collectstatic --noinput -v0 \
        --ignore rest_framework --ignore django_htmx \
    && rm -r /tmp/build
ENV DATA_DIR=/data XDG_CACHE_HOME=/tmp/cache WEB_CONCURRENCY=2
USER postmortem
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "postmortem.wsgi:application", "--bind=0.0.0.0:8000", "--threads=4", \
     "--preload", "--worker-tmp-dir=/dev/shm", "--no-control-socket"]
