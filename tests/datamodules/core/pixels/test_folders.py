"""Image files below folders: links, doubles, masks, and what systems leave behind."""

import os
import shutil

import pytest
from PIL import Image

from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.pixels.folders import image_files, images_below, suffix_of


def draw(path, level=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), level).save(path)
    return path


def refused(call, *parts):
    with pytest.raises(DataError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert all(part in text for part in parts), text


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.JPG", ".jpg"), ("a.b.Tiff", ".tiff"), ("a.DCM", ".dcm"), ("a.dicom", ".dicom"),
        ("a.webp", ".webp"), ("a.nii.GZ", ".nii.gz"), ("a.npy", ".npy"), ("a.txt", ""), ("a", ""),
    ],
)  # fmt: skip
def test_suffixes_in_any_case(name, suffix):
    assert suffix_of(name) == suffix


def test_images_by_stem_without_what_systems_leave(tmp_path):
    for name in ("b/one.png", "a/b/c/two.JPG", "1.2.840.jpg"):
        draw(tmp_path / name)
    for name in ("b/._one.png", ".hidden/three.png", "__MACOSX/b/four.png", "@eaDir/five.png"):
        draw(tmp_path / name)
    for name in ("Thumbs.db", ".DS_Store", "labels.csv", "README"):
        (tmp_path / name).write_text("no image")
    (tmp_path / "six.png").mkdir()
    assert set(images_below([tmp_path])) == {"one", "two", "1.2.840"}
    assert [p.name for p in image_files(tmp_path).images] == ["1.2.840.jpg", "two.JPG", "one.png"]
    assert images_below([tmp_path / "nowhere"]) == {}


def test_links_to_folders_and_files_are_followed_and_no_loop_is_walked(tmp_path):
    one = draw(tmp_path / "far" / "deep" / "one.png")
    draw(tmp_path / "far" / "two.png")
    near = tmp_path / "near"
    near.mkdir()
    (near / "images").symlink_to(tmp_path / "far")
    (near / "three.png").symlink_to(one)
    (tmp_path / "far" / "deep" / "up").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "self").symlink_to(tmp_path / "far" / "self")
    found = images_below([near])
    assert {stem: path.relative_to(near).as_posix() for stem, path in found.items()} == {
        "one": "images/deep/one.png",
        "two": "images/two.png",
        "three": "three.png",
    }


def test_two_images_of_one_stem_are_refused_with_both_names(tmp_path):
    first, second = draw(tmp_path / "a" / "x.png"), draw(tmp_path / "b" / "x.bmp", 9)
    refused(lambda: images_below([tmp_path]), "'x'", str(first), str(second))
    refused(lambda: images_below([tmp_path / "a", tmp_path / "b"], {"x"}), "'x'")
    assert images_below([tmp_path], {"y"})["x"] == first  # nobody asks for it
    assert len(image_files(tmp_path).images) == 2  # in two folders, by path


def test_one_image_twice_by_link_or_by_byte_is_one(tmp_path):
    first = draw(tmp_path / "a" / "x.png")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.png").symlink_to(first)
    (tmp_path / "c").mkdir()
    os.link(first, tmp_path / "c" / "x.png")
    (tmp_path / "d").mkdir()
    shutil.copy(first, tmp_path / "d" / "x.png")
    assert images_below([tmp_path]) == {"x": first}
    same_size = bytearray(first.read_bytes())
    same_size[-20] ^= 1
    (tmp_path / "d" / "x.png").write_bytes(same_size)
    refused(lambda: images_below([tmp_path]), "'x'", "d/x.png")


def test_two_images_of_one_name_in_one_folder_are_refused(tmp_path):
    draw(tmp_path / "x.png")
    draw(tmp_path / "x.bmp", 9)
    refused(lambda: image_files(tmp_path), "x.bmp", "x.png", "keep one")


def test_masks_beside_images_are_left_out_and_told(tmp_path):
    names = (
        "a.jpg", "a_mask.png", "a_mask_1.png", "b.png", "b_Segmentation.png", "c_seg.png",
        "d.png", "d_superpixels.png", "e_mask.png", "other/e.png",
    )  # fmt: skip
    for name in names:
        draw(tmp_path / name)
    found = image_files(tmp_path)
    assert {p.name for p in found.images} == {
        "a.jpg", "b.png", "c_seg.png", "d.png", "e_mask.png", "e.png",
    }  # fmt: skip
    assert found.told == "4 masks beside their images are left out (the first is a_mask.png)"
    assert image_files(tmp_path / "other").told == ""
    assert "a_mask" in images_below([tmp_path])  # ids decide there


def test_volumes_have_a_place_where_no_image_has(tmp_path):
    draw(tmp_path / "a.png")
    for name in ("a.npy", "b.nii.gz"):
        (tmp_path / name).write_bytes(b"")
    found = images_below([tmp_path])
    assert {stem: path.name for stem, path in found.items()} == {"a": "a.png", "b": "b.nii.gz"}
    refused(lambda: image_files(tmp_path), "a.npy", "export its slices")


def test_dicom_without_a_suffix_has_its_whole_name(tmp_path):
    for name in ("IM0001", "1.2.840.113", "1.2.840.114"):
        (tmp_path / name).write_bytes(bytes(128) + b"DICM")
    for name in ("IM0002", "1.2.840.115", "notes.txt"):
        (tmp_path / name).write_bytes(bytes(132))
    assert set(images_below([tmp_path])) == {"IM0001", "1.2.840.113", "1.2.840.114"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_cannot_be_listed_is_one_line(tmp_path):
    (tmp_path / "x").mkdir(mode=0)
    refused(lambda: images_below([tmp_path]), "cannot be listed")
