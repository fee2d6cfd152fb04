"""What routes share: pages, forms, streams, tables, and the rules every response keeps. Knows no feature and no marketplace."""
