"""The seller's own tax invoices: who makes them out, what each article is taxed at, the numbers, and the invoices that were issued."""
