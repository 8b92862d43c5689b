# The network in shorter numbers gives the same verdict; a word that is none is refused.
make_photo texture-jpeg photo.jpg
make_model ai model.safetensors
for precision in fp32 auto; do
    aidetect scan --quiet --model model.safetensors --precision "$precision" --format csv photo.jpg >out.csv
    echo "$?"
    tail -1 out.csv | cut -d, -f1-3
done
# An older processor's kernels: auto falls back in silence, what was asked for is refused.
for precision in auto int8; do
    DNNL_MAX_CPU_ISA=AVX2 aidetect scan --quiet --model model.safetensors --precision "$precision" \
        --format csv photo.jpg >out.csv
    echo "$? $(tail -1 out.csv | cut -d, -f1-3)"
done
aidetect scan --model model.safetensors --precision fp16 photo.jpg
