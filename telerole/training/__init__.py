"""From triplets to a fine-tuned model: training rows, fine-tuning, and files that llama.cpp reads."""
