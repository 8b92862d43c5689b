# Twins are made once, listed, kept, made again when one is gone; another recipe stands beside them.
make_vae a 1
make_vae b-pooled 2
mkdir photos
make_photo tiny-jpeg photos/1.jpg 1
make_photo tiny-jpeg photos/2.jpg 2
cp photos/2.jpg photos/copy.jpg
echo text >photos/notes.txt
summary() { aidetect twins --vae . --workers 2 -o out "$@" | sed 's/; .*//'; }

echo "# made, then kept"
summary --pick all photos
summary --pick all photos
cut -f2-8,12-13 out/manifest.tsv | sort | uniq -c | sed 's/^ *//'

echo "# of the photo's size"
for twin in out/*/*.png; do
    python3 -c 'import struct, sys; print(struct.unpack(">2I", open(sys.argv[1], "rb").read(24)[16:]))' "$twin"
done | uniq -c | sed 's/^ *//'

echo "# made again, bit for bit"
twin=$(ls out/a/*.png | head -1)
mv "$twin" before.png
summary --pick all photos
cmp "$twin" before.png && echo the same
summary --pick all --tile 64 photos

echo "# a half mixed one, from a list"
{
    printf 'file\tlabel\tfamily\tsource\trole\toriginal_width\toriginal_height\n'
    printf 'photos/1.jpg\treal\tshoes\tshop\ttrain\t480\t400\n'
    printf 'photos/2.jpg\treal\tshoes\tshop\tdev\t480\t400\n'
    printf 'before.png\tai\tmaker\tgallery\ttrain\t-\t-\n'
} >list.tsv
summary --pick a --mix 0.5 --crop 32 list.tsv
grep 'mix 0.5' out/manifest.tsv | cut -f2-10,12-13
wc -l <out/manifest.tsv

echo "# the choice is the photo's own"
aidetect twins --vae . -q -o one photos/1.jpg photos/2.jpg --mix 0.2-0.8
cp photos/1.jpg first.jpg
aidetect twins --vae . -q -o other --workers 1 photos/2.jpg first.jpg --mix 0.2-0.8
diff <(cd one && find . -name '*.png' | sort) <(cd other && find . -name '*.png' | sort) && echo agreed
