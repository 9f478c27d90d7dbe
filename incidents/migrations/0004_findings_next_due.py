import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('incidents', '0003_verification'),
    ]

    operations = [
        migrations.AddField(
            model_name='findingsnapshot',
            name='next_due',
            field=models.DateTimeField(db_index=True, default=django.utils.timezone.now),
        ),
    ]
