# What is wrong is named, with the exit status that fits.
make_vae a 1
make_photo tiny-jpeg photo.jpg 1
make_photo cut-jpeg cut.jpg 1
run() {
    aidetect twins "$@" 2>&1 | sed 's/; .*//'
    echo "exit ${PIPESTATUS[0]}"
}
run -o out photo.jpg
run --vae . photo.jpg
run --vae . -o out --pick b photo.jpg
run --vae . -o out --mix 0 photo.jpg
run --vae . -o out --mix 0.8-0.2 photo.jpg
run --vae . -o out --tile 100 photo.jpg
run --vae photo.jpg -o out photo.jpg
run --vae missing_encoder.safetensors -o out photo.jpg
mkdir empty
run --vae empty -o out photo.jpg
head -c 1000 a_decoder.safetensors >b_decoder.safetensors
cp a_encoder.safetensors b_encoder.safetensors
run --vae b_decoder.safetensors -o out photo.jpg
run --vae a_decoder.safetensors -o out cut.jpg photo.jpg missing.jpg
run --vae a_decoder.safetensors -o out out/manifest.tsv
mkdir other
echo mine >other/manifest.tsv
run --vae a_decoder.safetensors -o other photo.jpg
cat other/manifest.tsv
