"""Background work of the case file; each task calls one service and may run twice."""

from celery import shared_task

from incidents.services import findings, notifications


@shared_task(name="incidents.tasks.refresh_findings")
def refresh_findings(incident_id: int) -> None:
    findings.refresh_findings(incident_id, if_needed=True)


@shared_task(name="incidents.tasks.sweep_findings")
def sweep_findings() -> None:
    findings.sweep_findings()


@shared_task(name="incidents.tasks.deliver_notification")
def deliver_notification(notification_id: int) -> None:
    notifications.deliver_notification(notification_id)


@shared_task(name="incidents.tasks.sweep_notifications")
def sweep_notifications() -> None:
    notifications.sweep_notifications()
