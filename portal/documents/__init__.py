"""Papers: slips, pick lists, invoices and reports as PDF, and marketplaces' own papers put in order for the printer."""
