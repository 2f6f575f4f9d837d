"""What is here: installed files and their receipts, verification, adoption of other tools' stores, storage."""
