from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('incidents', '0005_evidence_custody'),
    ]

    operations = [
        migrations.AddField(
            model_name='findingsnapshot',
            name='facts',
            field=models.JSONField(default=dict),
        ),
    ]
