"""Across the air gap: signed bundles on sticks and disks, wishes and what fulfils them."""
