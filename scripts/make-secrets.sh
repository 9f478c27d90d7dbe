#!/bin/sh
# Makes the secret files of docker-compose.yml, once: existing ones are kept.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
printf '*\n' > secrets/.gitignore

random() {
    python3 -c 'import secrets; print(secrets.token_urlsafe(48))'
}

[ -s secrets/database_password ] || random > secrets/database_password
[ -s secrets/secret_key ] || random > secrets/secret_key
# These may be empty: keys of before, and the mail server's password.
[ -e secrets/secret_key_fallbacks ] || : > secrets/secret_key_fallbacks
[ -e secrets/email_password ] || : > secrets/email_password
password=$(cat secrets/database_password)
rm -f secrets/database_url
echo "postgres://postmortem:$password@postgres:5432/postmortem" > secrets/database_url
# The user in the containers is another one: the folder keeps everybody else out.
chmod 0444 secrets/database_* secrets/secret_key* secrets/email_password
