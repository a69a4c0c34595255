FROM python:3.13.1-slim
WORKDIR /app
RUN pip install --no-cache-dir "gunicorn==23.0.0" \
 && useradd --create-home app
ONBUILD COPY --chown=app:app requirements.txt .
ONBUILD RUN pip install --no-cache-dir -r requirements.txt
ONBUILD COPY --chown=app:app . .
USER app
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "app:app"]
HEALTHCHECK NONE
