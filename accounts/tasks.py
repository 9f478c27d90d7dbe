"""Background work of people and access; each task may run twice."""

from celery import shared_task

from accounts import services


@shared_task(name="accounts.tasks.forget_answers")
def forget_answers() -> None:
    services.forget_answers()
