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
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data
USER postmortem
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "postmortem.wsgi:application", "--bind=0.0.0.0:8000", "--workers=2", \
     "--threads=4", "--preload", "--worker-tmp-dir=/dev/shm", "--no-control-socket"]
