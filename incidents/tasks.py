"""Background work of the case file; each task calls one service and may run twice."""

from celery import shared_task

from incidents.services import findings, integrity, links, notifications, redaction


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


@shared_task(name="incidents.tasks.check_link")
def check_link(evidence_id: int) -> None:
    links.check_link(evidence_id)


@shared_task(name="incidents.tasks.sweep_links")
def sweep_links() -> None:
    links.sweep_links()


@shared_task(name="incidents.tasks.sweep_files")
def sweep_files() -> None:
    redaction.sweep_removed()
    integrity.sweep_files()
