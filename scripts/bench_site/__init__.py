"""What `make bench` is made of. On its side: servers, clients, report. In processes of
the product: settings with a middleware that measures, and what runs beside the web
server (undo, prepare, recorded, pdf, slack). None of it is loaded anywhere else."""
