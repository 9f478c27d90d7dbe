"""Which icon stands for which kind of artifact and which payment flow."""

EVIDENCE_ICONS: dict[str, str] = {
    "alert": "bell-ringing",
    "approval_note": "clipboard-check",
    "chat_message": "message",
    "complaints": "headset",
    "config_change": "adjustments",
    "control_log": "settings-automation",
    "data_contract": "certificate",
    "deploy_record": "rocket",
    "event": "webhook",
    "log_query": "file-search",
    "metric": "chart-line",
    "other": "file-text",
    "provider_notice": "speakerphone",
    "reconciliation": "scale",
    "report": "report-money",
    "runbook_step": "list-check",
    "runbook_version": "book",
    "sample": "git-compare",
    "screenshot": "photo",
    "status_update": "access-point",
    "test_output": "flask",
    "timeline_notes": "timeline-event",
    "trace": "route",
}

LANE_ICONS: dict[str, str] = {
    "checkout": "credit-card",
    "ledger": "book-2",
    "messaging": "mail",
    "onboarding": "id-badge-2",
    "payouts": "building-bank",
    "refunds": "receipt-refund",
    "tax-forms": "file-text",
    "virtual-accounts": "hash",
    "webhooks": "webhook",
}
